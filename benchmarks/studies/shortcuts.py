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


def table(folder: Path, seeds: list[int]) -> list[list[str]]:
    """A line a correlation and method; means over those of the seeds that are there."""
    lines = [HEADER]
    planned = parts.COMPARED.planned(seeds, folder)
    for condition in parts.CONDITIONS:
        for method in parts.PARTS if condition.correlation is not None else ():
            own = [one for one in planned if one.label == f"{condition}: {method}" and one.finished]
            if own:
                found = np.nanmean([read(one.folder) for one in own], 0)  # nan: no error at others
                cells = [f"{100 * value:.1f}" for value in found]
                lines.append([f"{condition.correlation:g}", method, str(len(own)), *cells])
    return lines


def define(values) -> None:
    flags.DEFINE_string("run", "runs/parts", "folder of the runs", flag_values=values)
    flags.DEFINE_multi_integer("seeds", [0, 1, 2], "seeds of the runs", flag_values=values)


def run(values) -> None:
    lines = table(Path(values.run), values.seeds)
    if len(lines) == 1:
        raise UserError(f"'{values.run}' has no finished run with a correlation", parameter="run")
    print(markdown(lines))


if __name__ == "__main__":
    cli.run("benchmarks/studies/shortcuts.py", SUMMARY, USAGE, define, run)
