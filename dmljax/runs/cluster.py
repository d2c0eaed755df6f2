"""Which processes a cluster's launcher has started together, by jax.distributed's own detection.

Known are SLURM (srun), Open MPI (mpirun), TPU pods on Google Cloud and GKE, and indexed jobs of Kubernetes.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

from dmljax.types import UserError

NAMES = {"slurm": "SLURM", "ompi": "Open MPI", "tpu": "a TPU pod", "k8s": "Kubernetes"}
PORT = "JAX_COORDINATOR_PORT"  # by which JAX lets a user choose another port than the launcher's


class Place(NamedTuple):
    """Where a process stands among those of its run.

    Attributes:
      coordinator: HOST:PORT of process 0; '' of a process that is alone.
      processes: how many there are.
      process: number of this one.
    """

    coordinator: str = ""
    processes: int = 1
    process: int = 0


def place(*, limit_s: float, say: Callable[[str], None] = print) -> Place:
    """The place that the launcher gave this process; that of a process alone where there is no launcher, or
    it started one process.

    Args:
      limit_s: how long to wait for the name of process 0 to be known.
      say: is told of what was found.

    Raises:
      UserError: a launcher is there, and what it says cannot be understood.
    """
    launcher = _launcher()
    if launcher is None:
        return Place()
    name = NAMES.get(launcher.name, launcher.name)
    try:
        count, number = launcher.get_process_count(), launcher.get_process_id()
        if count in (None, 1):
            return Place()
        coordinator = launcher.get_coordinator_address(
            timeout_secs=int(limit_s), override_coordinator_port=os.environ.get(PORT)
        )
    except Exception as error:  # of a launcher's service, or of variables that are not what they were
        raise UserError(
            f"this process was started by {name}, which does not say which of how many it is ({error});"
            " give --coordinator, --processes and --process, or --processes=1 to train alone",
            parameter="processes",
        ) from None
    say(f"process {number} of {count} by {name}, which meet at {coordinator}; --processes=1 trains alone")
    return Place(coordinator, count, number)


def _launcher():
    """JAX's class for the cluster that this process was started by, or None.

    JAX shows what it detects to none but `jax.distributed.initialize`, before which the processes of a run
    meet here; so this reads its list of classes.
    """
    from jax._src.clusters import ClusterEnv

    known = [one for one in ClusterEnv._cluster_types if not one.opt_in_only_method]
    return next((one for one in known if one.is_env_present()), None)
