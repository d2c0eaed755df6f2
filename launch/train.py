"""`dmljax train`: flags, and one call of `runs.loop`."""

import atexit
import os

from absl import flags
from dmljax.launch import _define, cli

from dmljax.types import UserError

AUTO = "auto"

SUMMARY = "Trains DML-Net, or continues a run that was stopped."
USAGE = """\
    dmljax train --config=quick --run=runs/quick
    dmljax train --config=cmu_faces --config.dataset.root=FOLDER --run=runs/cmu
    dmljax train --config=manifest --config.dataset.root=FOLDER --run=runs/own
    dmljax train --config=manifest --train=bu3dfe:FOLDER,kdef:FOLDER --test=sfew:FOLDER --run=runs/cross

The same command continues a run. With --config.split.fold=-1 every fold is trained, in RUN/fold_0,
RUN/fold_1, ...
Several processes or machines: srun, mpirun, TPU pods and Kubernetes are recognised; elsewhere start the
same command on each with --coordinator, --processes and --process.
"""


def define(values):
    _define.config(values, "quick")
    flags.DEFINE_string("run", "runs/quick", "folder of the run", flag_values=values)
    _define.progress(values)
    flags.DEFINE_string(
        "train", "", "sets to train on, NAME:FOLDER,NAME:FOLDER; empty: dataset.name", flag_values=values
    )
    flags.DEFINE_string(
        "test", "", "another set to test on, NAME:FOLDER; empty: other people of the same", flag_values=values
    )
    for name in ("train", "test"):
        _define.gives(values, name, f"dataset.{name}")
    flags.DEFINE_string("coordinator", "", "HOST:PORT of process 0, for several machines", flag_values=values)
    flags.DEFINE_string(
        "processes",
        AUTO,
        "how many processes there are; auto: as many as a cluster's launcher started, or this one alone",
        flag_values=values,
    )
    flags.DEFINE_integer("process", 0, "number of this process", lower_bound=0, flag_values=values)
    flags.DEFINE_integer(
        "start_limit", 300, "seconds to wait for the other processes", lower_bound=1, flag_values=values
    )


def main(values):
    from dmljax.runs import cluster, loop, together

    values.config.dataset.train = values.train or values.config.dataset.train
    values.config.dataset.test = values.test or values.config.dataset.test
    where = _place(values, cluster)
    one = where.coordinator, where.processes, where.process
    try:
        with together.connected(*one, launched=where.launched, limit_s=values.start_limit):
            done = loop.train(values.config, values.run, progress=values.progress)
    except ValueError:
        if where.processes > 1:  # JAX would wait at its exit for the others, who end too
            atexit.register(os._exit, cli.MISTAKE)
        raise
    if done.signal:
        return 128 + done.signal
    if where.process == 0:
        print(f"trained: {values.run}/  (evaluate it with: dmljax evaluate --run={values.run})")
    return 0


def _place(values, cluster):
    """Where this process stands, as the flags or a launcher say."""
    count, numbered = values.processes, bool(values["process"].present)
    if not (count == AUTO or (count.isascii() and count.isdecimal() and int(count) >= 1)):
        raise UserError(f"must be a whole number above 0, or {AUTO}; got '{count}'", parameter="processes")
    if count == AUTO and not values.coordinator and not numbered:
        return cluster.place(limit_s=values.start_limit)
    if count == AUTO or (int(count) > 1 and not (values.coordinator and numbered)):
        raise UserError(
            "--coordinator, --processes and --process go together, or none of them where a cluster's launcher"
            " says it all"
        )
    return cluster.Place(values.coordinator, int(count), values.process)


if __name__ == "__main__":
    cli.run("train", SUMMARY, USAGE, define, main)
