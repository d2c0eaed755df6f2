"""Evaluates run folders: predictions for the test side of the split, and what they say, as JSON and CSV."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from dmljax import config as configuration
from dmljax import run_folder, writing
from dmljax.metrics.scores import pool, predictions, summarise
from dmljax.runs import features, sets
from dmljax.runs.trained import Opened, open_runs
from dmljax.types import UserError


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Evaluation(Mapping):
    """How well a network did: its scores by name, such as 'expression accuracy', from 0 to 1.

    Attributes:
      folder: where its files lie.
      score: counts, and what is read off them; what metrics.json holds.
      predictions: a row a sample; what predictions.csv holds.
      folds: of a folder of folds, the evaluation of each.
    """

    folder: Path
    score: dict
    predictions: list[dict]
    folds: tuple[Evaluation, ...] = ()

    def __getitem__(self, name: str) -> float:
        return self.score["scores"][name]

    def __iter__(self):
        return iter(self.score["scores"])

    def __len__(self) -> int:
        return len(self.score["scores"])

    def __repr__(self) -> str:
        return f"Evaluation({dict(self)}, folder='{self.folder}')"


def evaluate(
    run: str | Path,
    *,
    checkpoint: str = "last",
    yaw=(),
    flip: bool = False,
    root: str = "",
    progress: bool = True,
    say: Callable[[str], None] = print,
) -> Evaluation:
    """Evaluates a run, or all folds below a folder and then the folder as a whole.

    Writes metrics.json and predictions.csv, and of a run features.npz, to RUN/evaluation; of
    some poses or with mirror images, to a folder that is named so.

    Args:
      checkpoint: 'last' or 'best'; its moving averages are evaluated.
      yaw: (least, largest) yaw in degrees of the poses to evaluate; empty for all.
      flip: predict by the mean over each image and its mirror image; nothing is flipped where a pose has no
        mirror image among the set's poses.
      root: where the dataset lies, if not where the run's configuration says; of joined sets
        'kdef:FOLDER,rafd:FOLDER'.
      say: is told once if nothing is flipped.

    Raises:
      UserError: the folder holds no run that can be read, or no test sample lies within the bounds.

    Example:
      >>> import dmljax
      >>> scores = dmljax.evaluate("runs/quick", progress=False)
      >>> 0 <= scores["expression accuracy"] <= 1
      True
    """
    run, bounds = run_folder.named(run), _bounds(yaw)
    parts = run_folder.parts(run)
    evaluations: list[Evaluation] = []
    for fold in open_runs(parts, checkpoint=checkpoint, root=root, progress=progress, flip=flip):
        if flip and not fold.flip and not evaluations:
            say(f"flip: nothing is flipped; {sets.without_mirror(fold.samples)}")
        evaluations.append(evaluate_opened(fold, yaw=bounds))
    return evaluations[0] if parts == [run] else whole(run, evaluations)


def evaluate_opened(opened: Opened, *, yaw=()) -> Evaluation:
    """Evaluates a run that is open; see `evaluate`.

    Raises:
      UserError: no test sample lies within the bounds.
    """
    samples, bounds = opened.samples, _bounds(yaw)
    if bounds:
        angle = np.append(samples.pose_yaw, np.nan)[samples.pose[opened.test]]
        test = opened.test[(angle >= bounds[0]) & (angle <= bounds[1])]
    else:
        test = opened.test
    if not len(test):
        raise UserError(
            f"'{opened.run}': no test sample is left to evaluate; the yaw classes are"
            f" {', '.join(f'{y:g}' for y in samples.pose_yaw)}"
        )
    outputs = opened.predict(opened.variables, test) if bounds else opened.outputs
    score = {
        "run": opened.run.name,
        "checkpoint": opened.checkpoint,
        "step": opened.step,
        run_folder.CONFIG_DIGEST: configuration.digest(opened.config),
        **summarise(outputs, samples),
    }
    name = (
        run_folder.EVALUATION
        + (f"_yaw_{bounds[0]:g}_{bounds[1]:g}" if bounds else "")
        + ("_flip" if opened.flip else "")
    )
    written = write(opened.run / name, score, predictions(outputs, samples))
    features.write(written.folder / run_folder.FEATURES, outputs, samples, opened.config)
    return written


def whole(run: Path, folds: list[Evaluation]) -> Evaluation:
    """The folds' evaluations as one, which is written to RUN."""
    rows = [{"fold": fold.folder.parent.name, **row} for fold in folds for row in fold.predictions]
    written = write(run / folds[0].folder.name, pool([fold.score for fold in folds]), rows)
    return dataclasses.replace(written, folds=tuple(folds))


def _bounds(yaw) -> tuple[float, float] | tuple[()]:
    if not yaw:
        return ()
    try:
        low, high = (float(part) for part in yaw)
    except ValueError:
        raise UserError(
            f"must be two numbers, the least and the largest in degrees; got '{','.join(map(str, yaw))}'",
            parameter="yaw",
        ) from None
    if low > high:
        raise UserError(f"the least, {low:g}, is above the largest, {high:g}", parameter="yaw")
    return low, high


def write(folder: Path, score: dict, rows: list[dict]) -> Evaluation:
    """Writes metrics.json and predictions.csv."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / run_folder.PREDICTIONS
    writing.table(path, [list(rows[0]), *(row.values() for row in rows)])
    of_rows = {run_folder.PREDICTIONS_DIGEST: run_folder.digest(path.read_bytes())}
    score = run_folder.with_digest(score | of_rows)
    writing.as_json(folder / run_folder.METRICS, score)
    return Evaluation(folder, score, rows)
