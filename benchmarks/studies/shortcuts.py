"""Where training showed an expression mostly at one pose: whether networks tell expressions by the pose."""

import csv
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import parts
from absl import flags
from dmljax.launch import cli

from dmljax import run_folder
from dmljax.report.tables import markdown
from dmljax.types import UserError

SUMMARY = "Whether errors name an expression that the training showed at the image's pose."
USAGE = """\
    python benchmarks/studies/shortcuts.py --run=runs/parts

Reads the runs that parts.py has made with pose and expression correlated. Of an image whose expression goes
with another pose, a network that goes by the pose names one that goes with this one; chance is how often one
would who does not look at the pose.
"""
HEADER = [
    "correlation",
    "what",
    "runs",
    "right at the expression's own pose, %",
    "right at others, %",
    "errors at others that name one of this pose, %",
    "by chance, %",
]


class Told(NamedTuple):
    """Of a run's test images.

    Attributes:
      at_own, at_other: share of the images at their expression's own pose, and at others, that are right.
      lured: of the errors at others, the share that names an expression whose own pose this is.
      chance: the same of an error that is any of the wrong expressions.
    """

    at_own: float
    at_other: float
    lured: float
    chance: float


def told(expression, predicted, pose, own) -> Told:
    """See `Told`.

    Args:
      expression, predicted: classes, int [N].
      pose: int [N].
      own: pose that goes with each expression, int [expressions].
    """
    right, at_own = expression == predicted, own[expression] == pose
    wrong = ~right & ~at_own
    of_pose = (own[None] == pose[wrong, None]).sum(1)  # none of them is the image's own
    return Told(
        float(right[at_own].mean()),
        float(right[~at_own].mean()),
        float((own[predicted[wrong]] == pose[wrong]).mean()),
        float((of_pose / (len(own) - 1)).mean()),
    )


def read(run: Path) -> Told:
    """Of the evaluation of a run whose expressions have the poses in their order."""
    names = json.loads((run / run_folder.CLASSES).read_text())
    expressions, poses = names["expression_names"], names["pose_names"]
    lines = (run / run_folder.EVALUATION / run_folder.PREDICTIONS).read_text().splitlines()
    rows = list(csv.DictReader(lines))
    column = lambda key, known: np.array([known.index(row[key]) for row in rows])
    return told(
        column("expression", expressions),
        column("expression_predicted", expressions),
        column("pose", poses),
        np.arange(len(expressions)) % len(poses),
    )


def rows(folder: Path, seeds: list[int]) -> list[dict]:
    """One a finished run, by correlation, method and seed."""
    planned = parts.COMPARED.planned(seeds, folder)
    return [
        {"correlation": condition.correlation, "what": method, "seed": one.seed} | read(one.folder)._asdict()
        for condition in parts.CONDITIONS
        if condition.correlation is not None
        for method in parts.PARTS
        for one in planned
        if one.label == f"{condition}: {method}" and one.finished
    ]


def table(found: list[dict]) -> list[list[str]]:
    """A line a correlation and method; means over the seeds."""
    lines = [HEADER]
    for correlation, method in dict.fromkeys((row["correlation"], row["what"]) for row in found):
        own = [row for row in found if (row["correlation"], row["what"]) == (correlation, method)]
        means = np.nanmean([[row[key] for key in Told._fields] for row in own], 0)  # nan: no error at others
        lines.append([f"{correlation:g}", method, str(len(own)), *(f"{100 * value:.1f}" for value in means)])
    return lines


def define(values) -> None:
    flags.DEFINE_string("run", "runs/parts", "folder of the runs", flag_values=values)
    flags.DEFINE_string("out", "", "file for a JSON line a run", flag_values=values)
    flags.DEFINE_multi_integer("seeds", [0, 1, 2], "seeds of the runs", flag_values=values)


def run(values) -> None:
    found = rows(Path(values.run), values.seeds)
    if not found:
        raise UserError(f"'{values.run}' has no finished run with a correlation", parameter="run")
    if values.out:
        Path(values.out).write_text("".join(json.dumps(row) + "\n" for row in found), encoding="utf-8")
    print(markdown(table(found)))


if __name__ == "__main__":
    cli.run("benchmarks/studies/shortcuts.py", SUMMARY, USAGE, define, run)
