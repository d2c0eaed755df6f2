"""Strategies beside TorchJD's aggregators: the same network, start, data and order; results and costs."""

import contextlib
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from absl import flags
from dmljax.launch import cli
from flax.traverse_util import flatten_dict
from sides import Ours, Theirs

from dmljax import weightings
from dmljax.report.tables import markdown
from dmljax.types import UserError

sys.path.insert(0, str(Path(__file__).parents[2] / "examples" / "multitask"))

from compare import RATE, interval, made, orders  # noqa: E402
from problems import PROBLEMS, Problem, initial  # noqa: E402

SUMMARY = "Strategies beside TorchJD: what they reach, and what a step of them costs."
USAGE = """\
    python -m venv torch && torch/bin/pip install torch==2.13.0 'torchjd[full]==0.18.0'
    python benchmarks/torchjd/beside.py --torch=torch/bin/python --out=benchmarks/torchjd/beside.jsonl

Both sides get the same numbers to begin with and the same batches. Heads learn by their own losses, as by
TorchJD's mtl_backward, or by the one loss that a scalarizer makes. A step is timed in turns, ours compiled,
theirs as PyTorch runs it.
"""


class Pair(NamedTuple):
    """A strategy and what it is there.

    Attributes:
      ours: the strategy, or what makes it of (tasks, steps of an epoch).
      theirs, arguments: TorchJD's class, and what it is made with; TASKS stands for their number.
      drawn: whether it draws random numbers, so that the sides part.
      scalar: whether theirs makes one loss of all, which trains the heads, too; otherwise it is an
        aggregator of gradients.
    """

    ours: weightings.Weighting | Callable[[int, int], weightings.Weighting]
    theirs: str
    arguments: dict = {}
    drawn: bool = False
    scalar: bool = False


TASKS = "tasks"


def dwa(tasks: int, steps: int) -> weightings.Weighting:
    """As it is there: over whole epochs, literally, and weights that sum to the number of tasks."""
    return weightings.dwa(total=float(tasks), window=steps, literal=True)


PAIRS = {
    "equal": Pair(weightings.equal(), "Mean"),
    "upgrad": Pair(weightings.upgrad(), "UPGrad"),
    "dualproj": Pair(weightings.dualproj(), "DualProj"),
    "mgda": Pair(weightings.mgda(), "MGDA"),
    "cagrad": Pair(weightings.cagrad(c=0.5), "CAGrad", {"c": 0.5}),
    "imtl_g": Pair(weightings.imtl_g(), "IMTLG"),
    "aligned_mtl": Pair(weightings.aligned_mtl(), "AlignedMTL"),
    "config_mtl": Pair(weightings.config_mtl(), "ConFIG"),
    "fairgrad": Pair(weightings.fairgrad(alpha=2.0), "FairGrad", {"alpha": 2.0}),
    "pcgrad": Pair(weightings.pcgrad(), "PCGrad", drawn=True),
    "gradvac": Pair(weightings.gradvac(), "GradVac", drawn=True),
    "rlw": Pair(weightings.rlw(), "Random", drawn=True),
    # by default theirs also clips the direction to length 1
    "nash_mtl": Pair(weightings.nash_mtl(), "NashMTL", {"n_tasks": TASKS, "max_norm": 0.0}),
    "excess_mtl": Pair(weightings.excess_mtl(eta=0.01), "ExcessMTL", {"robust_step_size": 0.01}),
    "dwa": Pair(dwa, "DWA", scalar=True),
    "uncertainty": Pair(weightings.uncertainty(learning_rate=RATE), "UW", {"shape": TASKS}, scalar=True),
    "imtl_l": Pair(weightings.imtl_l(learning_rate=RATE), "IMTLL", {"shape": TASKS}, scalar=True),
    "gls": Pair(weightings.gls(epsilon=1e-8), "GeometricMean", scalar=True),
    "stch": Pair(weightings.stch(form="raw", mu=1.0), "STCH", {"mu": 1.0}, scalar=True),
    "famo": Pair(weightings.famo(), "FAMO", {"shape": TASKS}, scalar=True),
}


def define(values) -> None:
    flags.DEFINE_string("torch", "python", "a Python with torch and torchjd", flag_values=values)
    flags.DEFINE_list("problems", list(PROBLEMS), "problems", flag_values=values)
    flags.DEFINE_list("names", list(PAIRS), "strategies", flag_values=values)
    flags.DEFINE_integer("seeds", 5, "trainings of a strategy", lower_bound=2, flag_values=values)
    flags.DEFINE_integer("epochs", 0, "length; 0: the problem's", lower_bound=0, flag_values=values)
    flags.DEFINE_integer(
        "early", 10, "steps after which outputs are compared", lower_bound=1, flag_values=values
    )
    flags.DEFINE_integer("turns", 7, "times that a step is timed", lower_bound=1, flag_values=values)
    flags.DEFINE_integer("steps", 100, "steps of a turn", lower_bound=1, flag_values=values)
    flags.DEFINE_string("out", "", "file for a JSON line a strategy", flag_values=values)


def prepare(folder: Path, problem: Problem, epochs: int, seeds: int) -> tuple[list, np.ndarray]:
    """(initial parameters, order int32 [seeds, steps, batch]), which lie in the folder for the other side."""
    (inputs, labels), (tested, _) = problem.train, problem.test
    np.savez(folder / "data.npz", inputs=inputs, labels=labels, tested=tested)
    order, starts = orders(problem, epochs or problem.epochs, range(seeds)), []
    for seed in range(seeds):
        starts.append(initial(problem, seed))
        arrays = {name: np.asarray(array) for name, array in flatten_dict(starts[seed], sep="/").items()}
        np.savez(folder / f"start_{seed}.npz", **arrays)
        np.save(folder / f"order_{seed}.npy", order[seed])
    return starts, order


def compared(problem: Problem, pair: Pair, theirs: Theirs, folder: Path, starts, order, values) -> dict:
    """What both sides reach, how far apart they are early, and their times."""
    tasks, epoch = len(problem.tasks), len(order[0]) // (values.epochs or problem.epochs)
    strategy = pair.ours(tasks, epoch) if callable(pair.ours) else pair.ours
    ours, scores, apart = Ours(problem, strategy, RATE, "weighted" if pair.scalar else "unit"), [], []
    arguments = {key: tasks if value == TASKS else value for key, value in pair.arguments.items()}
    theirs_is = {"kind": "scalarization" if pair.scalar else "aggregation", "name": pair.theirs}

    def ask(seed: int, **question) -> dict:
        begin = {"start": f"start_{seed}.npz", "order": f"order_{seed}.npy", "rate": RATE, "epoch": epoch}
        return theirs.ask(**theirs_is, arguments=arguments, **begin, **question)

    def outputs(seed: int, steps: int) -> list[np.ndarray]:
        answer = ask(seed, do="train", steps=steps)
        return [ours.trained(starts[seed], order[seed][:steps]), np.load(folder / answer["outputs"])]

    early, whole = min(values.early, len(order[0])), len(order[0])
    for seed in range(len(starts)):
        one, other = outputs(seed, early)
        apart.append(float(np.abs(one - other).max() / np.abs(other).max()))
        scores.append(
            [100 * float(np.mean(problem.scores(side, problem.test[1]))) for side in outputs(seed, whole)]
        )
    times = np.array(
        [
            [ours.timed(starts[0], order[0], values.steps), ask(0, do="time", steps=values.steps)["step_s"]]
            for _ in range(values.turns)
        ]
    )
    return {
        "seeds": len(starts),
        "ours": [one for one, _ in scores],
        "theirs": [other for _, other in scores],
        "early_steps": early,
        "early_difference": None if pair.drawn else max(apart),
        "ours_ms": 1000 * float(np.median(times[:, 0])),
        "theirs_ms": 1000 * float(np.median(times[:, 1])),
        "time_ratio": float(np.median(times[:, 0] / times[:, 1])),
    }


def row(line: dict) -> list[str]:
    gain = np.array(line["ours"]) - line["theirs"]
    early = line["early_difference"]
    return [
        line["problem"],
        line["strategy"],
        f"{np.mean(line['ours']):.2f}",
        f"{np.mean(line['theirs']):.2f}",
        f"{gain.mean():+.2f} ± {interval(gain):.2f}",
        "drawn" if early is None else f"{early:.0e}",
        f"{line['ours_ms']:.2f}",
        f"{line['theirs_ms']:.2f}",
        f"{line['time_ratio']:.2f}",
    ]


HEAD = [
    "problem",
    "strategy",
    "ours, %",
    "TorchJD, %",
    "difference",
    "early",
    "ours, ms",
    "TorchJD, ms",
    "ratio",
]


def run(values) -> None:
    for flag, known in (("problems", PROBLEMS), ("names", PAIRS)):
        if unknown := [name for name in values[flag].value if name not in known]:
            raise UserError(f"must be of {', '.join(known)}; got '{unknown[0]}'", parameter=flag)
    lines, out = [], Path(values.out) if values.out else None
    if out:
        out.write_text("")
    for name in values.problems:
        with tempfile.TemporaryDirectory() as place, contextlib.ExitStack() as stack:
            folder, problem = Path(place), PROBLEMS[name]()
            starts, order = prepare(folder, problem, values.epochs, values.seeds)
            theirs = Theirs(values.torch, folder)
            stack.callback(theirs.close)
            for strategy in values.names:
                found = compared(problem, PAIRS[strategy], theirs, folder, starts, order, values)
                lines.append({"problem": name, "strategy": strategy} | found | made() | theirs.versions)
                print(" | ".join(row(lines[-1])), flush=True)
                if out:
                    with out.open("a") as file:
                        file.write(json.dumps(lines[-1]) + "\n")
    print(markdown([HEAD, *map(row, lines)]))


if __name__ == "__main__":
    cli.run("benchmarks/torchjd/beside.py", SUMMARY, USAGE, define, run)
