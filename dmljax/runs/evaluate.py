"""Evaluates run folders: predictions for the test side of the split, and what they say, as JSON and CSV."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np

from dmljax.metrics.scores import pool, predictions, summarise
from dmljax.runs.trained import open_run, spaces
from dmljax.training.devices import set_up_compiler
from dmljax.types import INDEX, Samples, UserError

FOLDER = "evaluation"

FEATURES = "features.npz"


def evaluate(
    run: str | Path,
    *,
    checkpoint: str = "last",
    yaw=(),
    flip: bool = False,
    root: str = "",
    progress: bool = True,
) -> list[Path]:
    """Evaluates a run, or all folds below a folder and then the folder as a whole.

    Args:
      checkpoint: 'last' or 'best'; its moving averages are evaluated.
      yaw: (least, largest) yaw in degrees of the poses to evaluate; empty for all.
      flip: predict by the mean over each image and its mirror image.
      root: where the dataset lies, if not where the run's configuration says.

    Returns:
      the folders written, each with metrics.json and predictions.csv, that of a run also with features.npz;
      that of the whole comes last.
    """
    set_up_compiler()
    run = Path(run)
    bounds = _bounds(yaw)
    name = (FOLDER if bounds is None else f"{FOLDER}_yaw_{bounds[0]:g}_{bounds[1]:g}") + (
        "_flip" if flip else ""
    )
    folds = sorted(run.glob("fold_*"), key=lambda path: (len(path.name), path.name))
    if not folds:
        return [_evaluate_one(run, name, checkpoint, bounds, flip, root, progress)[0]]
    written, scores, rows = [], [], []
    for fold in folds:
        folder, score, predictions = _evaluate_one(fold, name, checkpoint, bounds, flip, root, progress)
        written.append(folder)
        scores.append(score)
        rows += [{"fold": fold.name, **row} for row in predictions]
    return [*written, write(run / name, pool(scores), rows)]


def _bounds(yaw) -> tuple[float, float] | None:
    if not yaw:
        return None
    try:
        low, high = (float(part) for part in yaw)
    except ValueError:
        raise UserError(
            f"--yaw must be two numbers, MIN,MAX in degrees; got '{','.join(map(str, yaw))}'"
        ) from None
    if low > high:
        raise UserError(f"--yaw: the least, {low:g}, is above the largest, {high:g}")
    return low, high


def _evaluate_one(
    run: Path, name: str, checkpoint: str, bounds, flip: bool, root: str, progress: bool
) -> tuple[Path, dict, list[dict]]:
    opened = open_run(run, checkpoint, root, progress, flip=flip)
    samples, test = opened.data.samples, opened.test
    if bounds is not None:
        angle = np.append(samples.pose_yaw, np.nan)[samples.pose[test]]
        test = test[(angle >= bounds[0]) & (angle <= bounds[1])]
    if not len(test):
        raise UserError(
            f"'{run}': no test sample is left to evaluate; the yaw classes are"
            f" {', '.join(f'{y:g}' for y in samples.pose_yaw)}"
        )
    found = opened.predict(opened.variables, test)
    score = {
        "run": run.name,
        "checkpoint": checkpoint,
        "step": opened.saved["position"]["step"],
        **summarise(found, samples),
    }
    rows = predictions(found, samples)
    folder = write(run / name, score, rows)
    _write_features(folder / FEATURES, found, samples, opened.config)
    return folder, score, rows


def _write_features(path: Path, found: dict[str, np.ndarray], samples: Samples, config) -> None:
    """Features of the test images with their labels (-1: not known) and the classes' names, as NumPy reads
    them.
    """
    index = found[INDEX]
    labels = {
        "expression": samples.expression[index],
        "pose": samples.pose[index],
        "identity": samples.identity[index],
    }
    names = {
        "expression_names": samples.expression_names,
        "pose_names": samples.pose_names,
        "identity_names": samples.identity_names,
    }
    np.savez_compressed(
        path, **spaces(found, config), **labels, **{key: np.array(value, str) for key, value in names.items()}
    )


def write(folder: Path, score: dict, rows: list[dict]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metrics.json").write_text(json.dumps(score, indent=1) + "\n")
    with open(folder / "predictions.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder
