"""One member of a study in a process of its own: `python -m dmljax.studies.process`, told by JSON.

Standard input says what to make, standard output what came of it, each as one object; what a training says
on its way goes to standard error. So a member needs no command line, and what it answers needs no reading
of prose.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from functools import partial
from pathlib import Path
from typing import NamedTuple

from dmljax import run_folder, writing
from dmljax.studies.members import COST
from dmljax.types import UserError

SO_FAR = ".cost.json"  # of a member that was stopped: what it has cost, to be added to
FAILED = 1


class Order(NamedTuple):
    """What standard input says.

    Attributes:
      config: file of the resolved configuration.
      run: folder of the run.
      descriptor: of a support vector machine; '' for a network.
      cores: numbers of the processor's cores to keep to; empty: all.
      tests: whether to evaluate a network on the test people too.
    """

    config: str
    run: str
    descriptor: str = ""
    cores: tuple[int, ...] = ()
    tests: bool = True


def main() -> int:
    """Makes the member; returns the process's exit code, after {"message": why} where there is none made."""
    os.environ.pop("MPLBACKEND", None)  # a notebook's; here is none
    order = Order(**json.load(sys.stdin))
    if order.cores:
        os.sched_setaffinity(0, order.cores)  # before any library counts them
    try:
        message = make(order)
    except (UserError, ValueError, TypeError, OSError) as error:
        message = str(error) or type(error).__name__
    if message:
        print(json.dumps({"message": " ".join(message.split())}))
    return FAILED if message else 0


def make(order: Order) -> str:
    """Trains and evaluates; the cost is written last: a member that has one is finished.

    Returns:
      '', or why the member is not finished.
    """
    from dmljax import config as configuration
    from dmljax.report import write
    from dmljax.runs import classical, loop
    from dmljax.runs.evaluate import evaluate

    run, say = Path(order.run), partial(print, file=sys.stderr, flush=True)
    config = configuration.get_config(order.config)
    if order.descriptor:
        scores = classical.fit(config, run, order.descriptor, progress=False, say=say)
        cost = _cost(run)
    else:
        trained = loop.train(config, run, progress=False, say=say)
        cost = _cost(run)
        if trained.signal:
            writing.as_json(run / SO_FAR, cost, indent=None)
            return "stopped, and saved"
        cost |= _pace(run)
        scores = evaluate(run, progress=False) if order.tests else None
    if scores is not None:
        write.report(scores.folder)
    writing.as_json(run / COST, cost, indent=None)
    (run / SO_FAR).unlink(missing_ok=True)
    return ""


def _cost(run: Path) -> dict:
    """Processor seconds and most bytes of memory so far, of this process and of those stopped before it.

    The seconds of a process that was killed are not known.
    """
    own = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    try:
        before = json.loads((run / SO_FAR).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        before = {"train_s": 0.0, "peak_bytes": 0}
    seconds = sum(used.ru_utime + used.ru_stime for used in own)
    return {
        "train_s": round(before["train_s"] + seconds, 1),
        "peak_bytes": max(before["peak_bytes"], *(used.ru_maxrss * 1024 for used in own)),
    }


def _pace(run: Path) -> dict:
    """Seconds a step and images a second of a training, at its end."""
    rate = run_folder.steps(run)[-1]["steps_per_second"]
    accumulate = run_folder.read(run / run_folder.CONFIG)["data"]["accumulate"]
    images = run_folder.read(run / run_folder.DECIDED)["images_per_batch"] * accumulate
    return {"step_s": round(1 / rate, 5), "images_s": round(images * rate, 1)}


if __name__ == "__main__":
    sys.exit(main())
