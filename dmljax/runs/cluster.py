"""Which processes a cluster's launcher has started together, by jax.distributed's own detection.

Known are SLURM (srun), Open MPI up to 4 (mpirun), TPU pods on Google Cloud and GKE, and indexed jobs of
Kubernetes.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from typing import NamedTuple

from dmljax.types import UserError

# JAX's classes, and what their launchers are called.
NAMES = {
    "SlurmCluster": "SLURM",
    "OmpiCluster": "Open MPI",
    "GceTpuCluster": "a TPU pod",
    "GkeTpuCluster": "a TPU pod",
    "K8sCluster": "Kubernetes",
}
PORT = "JAX_COORDINATOR_PORT"  # by which JAX lets a user choose another port than the launcher's
# Without its variable a pod of Kubernetes is none of several; JAX would take every pod for one.
NUMBER_OF_POD, KUBERNETES = "JOB_COMPLETION_INDEX", "KUBERNETES_SERVICE_HOST"
SIZE_OF_MPI, RANK_OF_MPI = "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"  # also of versions that JAX misses


class Place(NamedTuple):
    """Where a process stands among those of its run.

    Attributes:
      coordinator: HOST:PORT of process 0; '' of a process that is alone.
      processes: how many there are.
      process: number of this one.
      launched: whether a launcher gave it, which may also say which of its machine's devices a process has.
    """

    coordinator: str = ""
    processes: int = 1
    process: int = 0
    launched: bool = False


def place(*, limit_s: float, say: Callable[[str], None] = print) -> Place:
    """The place that the launcher gave this process; that of a process alone where there is no launcher, or
    it started one process.

    Args:
      limit_s: how long to wait for the name of process 0 to be known.
      say: is told of what was found.

    Raises:
      UserError: a launcher is there, and what it says cannot be understood.
    """
    launcher = None
    try:
        launcher = _launcher()
        if launcher is None:
            return _without_launcher()
        count = launcher.get_process_count()
        if count in (None, 1):
            return Place()
        number = launcher.get_process_id()
        port = os.environ.get(PORT)
        coordinator = launcher.get_coordinator_address(
            timeout_secs=int(limit_s), override_coordinator_port=port
        )
    except UserError:
        raise
    except Exception as error:  # of a launcher's service, or of variables that are not what they were
        raise UserError(
            f"this process was started by {_name(launcher)}, which does not say which of how many it is"
            f" ({' '.join(str(error).split())}); give coordinator, processes and process, or"
            " processes=1 to train alone",
            parameter="processes",
        ) from None
    say(
        f"process {number} of {count} by {_name(launcher)}, which meet at {coordinator}; processes=1 trains"
        " alone"
    )
    return Place(coordinator, count, number, launched=True)


def _launcher():
    """JAX's class for the cluster that this process was started by, or None.

    JAX shows what it detects to none but `jax.distributed.initialize`, before which the processes of a run
    meet here; so this reads its list of classes.
    """
    from jax._src.clusters import ClusterEnv

    for launcher in ClusterEnv._cluster_types:
        if launcher.__name__ == "K8sCluster" and not _numbered_pod():
            continue
        if not launcher.opt_in_only_method and launcher.is_env_present():
            return launcher
    return None


def _numbered_pod() -> bool:
    """Whether this is a pod of an indexed job.

    Raises:
      UserError: it is, and it has not what it would find the others by.
    """
    number = os.environ.get(NUMBER_OF_POD)
    if number is None or KUBERNETES not in os.environ:
        return False
    try:
        importlib.import_module("kubernetes")
        return True
    except ImportError:
        raise UserError(
            f"this is pod {number} of an indexed Job of Kubernetes, and the package kubernetes, by which JAX"
            " finds the others, is not installed; install jax[k8s], give coordinator, processes and process,"
            " or processes=1 to train alone",
            parameter="processes",
        ) from None


def _without_launcher() -> Place:
    """A process alone, unless MPI says that it is one of several.

    Raises:
      UserError: it says so.
    """
    count, number = os.environ.get(SIZE_OF_MPI, "1"), os.environ.get(RANK_OF_MPI, "0")
    if count == "1":
        return Place()
    raise UserError(
        f"Open MPI started {count} processes, and JAX does not know this version of it; give"
        f" coordinator=HOST:PORT of process 0, processes={count} and process=${RANK_OF_MPI} (here {number}),"
        " or processes=1 to train alone",
        parameter="processes",
    )


def _name(launcher) -> str:
    return "a launcher" if launcher is None else NAMES.get(launcher.__name__, launcher.__name__)
