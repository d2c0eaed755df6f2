"""`dmljax train`: flags, and one call of `runs.loop`."""

import atexit
import os

from absl import flags
from dmljax.launch import _define, cli

SUMMARY = "Trains DML-Net, or continues a run that was stopped."
USAGE = """\
    dmljax train --config=quick --run=runs/quick
    dmljax train --config=cmu_faces --config.dataset.root=FOLDER --run=runs/cmu
    dmljax train --config=manifest --config.dataset.root=FOLDER --run=runs/own
    dmljax train --config=manifest --train=bu3dfe:FOLDER,kdef:FOLDER --test=sfew:FOLDER --run=runs/cross

The same command continues a run. With --config.split.fold=-1 every fold is trained, in RUN/fold_0,
RUN/fold_1, ...
Several machines: start the same command on each with --coordinator, --processes and --process.
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
    flags.DEFINE_integer("processes", 1, "how many processes there are", lower_bound=1, flag_values=values)
    flags.DEFINE_integer("process", 0, "number of this process", lower_bound=0, flag_values=values)
    flags.DEFINE_integer(
        "start_limit", 300, "seconds to wait for the other processes", lower_bound=1, flag_values=values
    )


def main(values):
    from dmljax.runs import loop, together

    values.config.dataset.train = values.train or values.config.dataset.train
    values.config.dataset.test = values.test or values.config.dataset.test
    where = values.coordinator, values.processes, values.process
    try:
        with together.connected(*where, limit_s=values.start_limit):
            done = loop.train(values.config, values.run, progress=values.progress)
    except ValueError:
        if values.processes > 1:  # JAX would wait at its exit for the others, who end too
            atexit.register(os._exit, cli.MISTAKE)
        raise
    if done.signal:
        return 128 + done.signal
    if values.process == 0:
        print(f"trained: {values.run}/  (evaluate it with: dmljax evaluate --run={values.run})")
    return 0


if __name__ == "__main__":
    cli.run("train", SUMMARY, USAGE, define, main)
