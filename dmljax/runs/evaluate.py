"""Evaluates run folders: predictions for the test side of the split, and what they say, as JSON and CSV."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dmljax import config_differences, run_folder, writing
from dmljax.metrics import intervals
from dmljax.metrics.scores import pool, predictions, summarise
from dmljax.runs import calibrated, elsewhere, features, remote, sets
from dmljax.runs.trained import Opened, open_runs
from dmljax.types import UserError


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Evaluation(Mapping):
    """How well a network did: its scores by name, such as 'expression accuracy', from 0 to 1, and the mean
    absolute errors of angles in degrees, such as 'yaw error'.

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

    @property
    def _numbers(self) -> dict[str, float]:
        return self.score["scores"] | self.score.get("errors", {})

    def __getitem__(self, name: str) -> float:
        return self._numbers[name]

    def __iter__(self):
        return iter(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)

    def __repr__(self) -> str:
        return f"Evaluation({dict(self)}, folder='{self.folder}')"


def evaluate(
    run: str | Path,
    *,
    checkpoint: str = "last",
    yaw=(),
    flip: bool = False,
    test: str = "",
    root: str = "",
    progress: bool = True,
    say: Callable[[str], None] = print,
) -> Evaluation:
    """Evaluates a run, or all folds below a folder and then the folder as a whole.

    Writes metrics.json and predictions.csv, and of a run features.npz and calibration.json, to
    RUN/evaluation; of some poses or with mirror images, to a folder that is named so. Where people were held
    out for validation, temperatures are fitted to them, by which probabilities of test images are calibrated.

    Args:
      run: the folder of a training, or of its folds; or the URL of one in a bucket.
      checkpoint: 'last' or 'best'; its moving averages are evaluated.
      yaw: (least, largest) yaw in degrees of the poses to evaluate; empty for all.
      flip: predict by the mean over each image and its mirror image; nothing is flipped where a pose has no
        mirror image among the set's poses.
      test: another set to test on, 'NAME:FOLDER'; labels meet the run's classes by their names, and the run's
        own set need not be there. Into RUN/evaluation_on_NAME, of a folder of one's own with its name.
      root: where the dataset lies, if not where the run's configuration says; of joined sets
        'kdef:FOLDER,rafd:FOLDER'.
      say: is told once if nothing is flipped, and of another set what it has in common with the run's.

    Raises:
      UserError: the folder holds no run that can be read, or no test sample lies within the bounds.

    Example:
      >>> import dmljax
      >>> scores = dmljax.evaluate("runs/quick", progress=False)
      >>> 0 <= scores["expression accuracy"] <= 1
      True
    """
    bounds = _bounds(yaw)
    if test and root:
        raise UserError(
            "is that of the run's own set; another set is given whole, NAME:FOLDER", parameter="root"
        )
    how: dict[str, Any] = {"checkpoint": checkpoint, "progress": progress, "flip": flip}
    with remote.at_hand(run, say, progress=progress) as at:
        return _evaluate(at.folder, bounds, test, root, how, say)


def _evaluate(
    run: Path, bounds, test: str, root: str, how: dict[str, Any], say: Callable[[str], None]
) -> Evaluation:
    parts = run_folder.parts(run)
    evaluations: list[Evaluation] = []
    opened = (
        (elsewhere.open_elsewhere(part, test, say=say, **how) for part in parts)
        if test
        else open_runs(parts, root=root, **how)
    )
    for fold in opened:
        if how["flip"] and not fold.flip and not evaluations:
            say(f"flip: nothing is flipped; {sets.without_mirror(fold.samples)}")
        evaluations.append(evaluate_opened(fold, yaw=bounds, on=elsewhere.name(fold.samples) if test else ""))
    return evaluations[0] if parts == [run] else whole(run, evaluations)


def evaluate_opened(opened: Opened, *, yaw=(), on: str = "") -> Evaluation:
    """Evaluates a run that is open; see `evaluate`. `on`: the name of a set that is not its own.

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
        yaws = ", ".join(f"{yaw:g}" for yaw in samples.pose_yaw if yaw == yaw)
        known = f"its yaw classes are {yaws}" if yaws else "no pose of it is a yaw; leave the bounds out"
        raise UserError(f"'{opened.run}': no sample of {samples.name} is left to test; {known}")
    outputs = opened.predict(opened.variables, test) if bounds else opened.outputs
    # of a set that is not the run's nobody is held out
    fitted = calibrated.fit(opened) if opened.train is not None else None
    temperature = calibrated.of(opened) if fitted is None else fitted["temperature"]
    score = {
        "run": opened.run.name,
        "checkpoint": opened.checkpoint,
        "step": opened.step,
        run_folder.CONFIG_DIGEST: config_differences.digest(opened.config),
        **summarise(outputs, samples, opened.train, temperature),
    }
    name = (
        run_folder.EVALUATION
        + (f"_on_{on}" if on else "")
        + (f"_yaw_{bounds[0]:g}_{bounds[1]:g}" if bounds else "")
        + (run_folder.FLIPPED if opened.flip else "")
    )
    written = write(opened.run / name, score, predictions(outputs, samples, temperature))
    if fitted is not None:
        calibrated.write(written.folder, fitted)
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
    if low != low or high != high:
        raise UserError(f"must be two numbers; got {low:g} and {high:g}", parameter="yaw")
    if low > high:
        raise UserError(f"the least, {low:g}, is above the largest, {high:g}", parameter="yaw")
    return low, high


def write(folder: Path, score: dict, rows: list[dict]) -> Evaluation:
    """Writes metrics.json, with the intervals of its accuracies, and predictions.csv."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / run_folder.PREDICTIONS
    writing.table(path, [list(rows[0]), *(row.values() for row in rows)])
    of_rows = {run_folder.PREDICTIONS_DIGEST: run_folder.digest(path.read_bytes())}
    score = run_folder.with_digest(score | intervals.of_predictions(score, rows) | of_rows)
    writing.as_json(folder / run_folder.METRICS, score)
    return Evaluation(folder, score, rows)
