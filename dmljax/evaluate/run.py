"""Evaluates run folders: predictions for the test side of the split, and what they say, as JSON and CSV."""
from __future__ import annotations

import csv
import json
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dmljax import assemble
from dmljax import config as configuration
from dmljax.evaluate import metrics
from dmljax.evaluate.predict import Predictor
from dmljax.train import state as states
from dmljax.train.checkpoint import Checkpoints
from dmljax.train.devices import set_up_compiler
from dmljax.types import EXPRESSION, INDEX, POSE, Samples, UserError

FOLDER = "evaluation"
FEATURES = "features.npz"
FUSED, EMBEDDING = "f2", "embedding"  # names of the feature spaces


def evaluate(run: str | Path, *, checkpoint: str = "last", yaw=(), flip: bool = False, root: str = "", progress: bool = True) -> list[Path]:
    """Evaluates a run, or all folds below a folder and then the folder as a whole.

    Args:
      checkpoint: 'last' or 'best'; its moving averages are evaluated.
      yaw: (least, largest) yaw in degrees of the poses to evaluate; empty for all.
      flip: predict by the mean over each image and its mirror image.
      root: where the dataset lies, if not where the run's configuration says.

    Returns:
      the folders written, each with metrics.json and predictions.csv, that of a run also with features.npz; that of the whole comes last.
    """
    set_up_compiler()
    run = Path(run)
    bounds = _bounds(yaw)
    name = (FOLDER if bounds is None else f"{FOLDER}_yaw_{bounds[0]:g}_{bounds[1]:g}") + ("_flip" if flip else "")
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
        raise UserError(f"--yaw must be two numbers, MIN,MAX in degrees; got '{','.join(map(str, yaw))}'") from None
    if low > high:
        raise UserError(f"--yaw: the least, {low:g}, is above the largest, {high:g}")
    return low, high


class Opened(NamedTuple):
    """A trained run: its configuration, its set, network, predictor and variables for it, its test samples, and what was saved beside them."""

    config: Any
    data: assemble.Set
    net: Any
    predict: Predictor
    variables: dict
    test: np.ndarray
    saved: dict


def open_run(run: Path, checkpoint: str, root: str, progress: bool, *, flip: bool = False) -> Opened:
    """Reads a run folder back. `flip`: its predictor takes means over each image and its mirror image.

    Raises:
      UserError: it is none, or its set has changed since.
    """
    config = configuration.read(run)
    if root:
        with config.unlocked():
            config.dataset.root = root
    data = assemble.open_set(config, progress=progress)
    samples = data.samples
    test = _test_side(run, samples)
    net = assemble.network(config, samples)
    checkpoints = Checkpoints(run)
    saved = checkpoints.position(checkpoint)
    if saved["set"] != assemble.fingerprint(samples):
        raise UserError(f"'{run}' was trained on another state of {samples.name}; its images or labels have changed since")
    state = checkpoints.restore(checkpoint, _template(config, data, net))
    checkpoints.close()
    return Opened(config, data, net, Predictor(net, data.feed, flip=flip), state.ema, test, saved)


def _evaluate_one(run: Path, name: str, checkpoint: str, bounds, flip: bool, root: str, progress: bool) -> tuple[Path, dict, list[dict]]:
    opened = open_run(run, checkpoint, root, progress, flip=flip)
    samples, test = opened.data.samples, opened.test
    if bounds is not None:
        angle = np.append(samples.pose_yaw, np.nan)[samples.pose[test]]
        test = test[(angle >= bounds[0]) & (angle <= bounds[1])]
    if not len(test):
        raise UserError(f"'{run}': no test sample is left to evaluate; the yaw classes are {', '.join(f'{y:g}' for y in samples.pose_yaw)}")
    found = opened.predict(opened.variables, test)
    score = {"run": run.name, "checkpoint": checkpoint, "step": opened.saved["position"]["step"], **summarise(found, samples)}
    rows = predictions(found, samples)
    folder = write(run / name, score, rows)
    _write_features(folder / FEATURES, found, samples, opened.config)
    return folder, score, rows


def spaces(found: dict[str, np.ndarray], config) -> dict[str, np.ndarray]:
    """'f2' and 'embedding' of predictions, float32 [N, D]; the embedding at unit length if the triplets mine it so."""
    embedding = found["embedding"]
    if config.losses.normalise:
        embedding = embedding / np.maximum(np.linalg.norm(embedding, axis=1, keepdims=True), 1e-12)
    return {FUSED: found["fused"], EMBEDDING: embedding}


def _write_features(path: Path, found: dict[str, np.ndarray], samples: Samples, config) -> None:
    """Features of the test images with their labels (-1: not known) and the classes' names, as NumPy reads them."""
    index = found[INDEX]
    labels = {"expression": samples.expression[index], "pose": samples.pose[index], "identity": samples.identity[index]}
    names = {"expression_names": samples.expression_names, "pose_names": samples.pose_names, "identity_names": samples.identity_names}
    np.savez_compressed(path, **spaces(found, config), **labels, **{key: np.array(value, str) for key, value in names.items()})


def _template(config, data: assemble.Set, net):
    """The shapes of a run's state, without computing anything."""
    times = assemble.schedule(config, 1)
    program = assemble.program(config, data.samples, net, times)
    image = jnp.zeros((1, config.data.image_size, config.data.image_size, 3))

    def create(key):
        variables = partial(net.init, train=False)(key, image)
        return states.create(variables, program.optimizer, program.plan.weighting, program.losses.tasks)

    return jax.eval_shape(create, jax.random.key(0))


def _test_side(run: Path, samples: Samples) -> np.ndarray:
    """The samples that the run's own split put aside, so that evaluation never sees a training image."""
    try:
        names = json.loads((run / "split.json").read_text())["test"]
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"'{run / 'split.json'}' cannot be read ({error}); it says which samples test") from None
    number = {reference: k for k, reference in enumerate(samples.references)}
    lost = [name for name in names if name not in number]
    if lost:
        raise UserError(f"{len(lost)} of {len(names)} test samples are not in {samples.name} any more, e.g. '{lost[0]}'")
    return np.array([number[name] for name in names], np.int32)


def predictions(found: dict[str, np.ndarray], samples: Samples) -> list[dict]:
    """One row a sample: reference, labels, predicted classes and their probabilities."""
    index = found[INDEX]
    heads = [(EXPRESSION, samples.expression, samples.expression_names), (POSE, samples.pose, samples.pose_names)]
    name = lambda names, code: names[code] if code >= 0 else ""  # noqa: E731
    rows = [{"reference": samples.references[i], "identity": name(samples.identity_names, samples.identity[i])} for i in index]
    for head, labels, names in heads:
        probability = np.asarray(jax.nn.softmax(found[head])) if head in found else None
        for k, (row, i) in enumerate(zip(rows, index)):
            row[head] = name(names, labels[i])
            if probability is not None:
                best = int(probability[k].argmax())
                row |= {f"{head}_predicted": names[best], f"{head}_probability": f"{probability[k, best]:.4f}"}
    return rows


def summarise(found: dict[str, np.ndarray], samples: Samples) -> dict:
    """Counts of one set of predictions, and what is read off them."""
    index = found[INDEX]
    labels = {EXPRESSION: samples.expression[index], POSE: samples.pose[index]}
    heads = {head: metrics.confusion(labels[head], found[head].argmax(1), found[head].shape[1])
             for head in (EXPRESSION, POSE) if head in found and (labels[head] >= 0).any()}
    correct = found[EXPRESSION].argmax(1) == labels[EXPRESSION]
    hits, counts = metrics.by_cell(labels[EXPRESSION], labels[POSE], correct, (len(samples.expression_names), len(samples.pose_names)))
    score = {
        "dataset": samples.name,
        "names": {EXPRESSION: list(samples.expression_names), POSE: list(samples.pose_names)},
        "yaw": [None if np.isnan(yaw) else yaw for yaw in samples.pose_yaw],
        "people": len(np.unique(samples.identity[index][samples.identity[index] >= 0])),
        "confusion": {head: counts.tolist() for head, counts in heads.items()},
        "cells": {"hits": hits.tolist(), "counts": counts.tolist()},
    }
    return read_off(score)


def read_off(score: dict) -> dict:
    """A score of counts with what they say: 'scores' by name, 95 % 'intervals' of the accuracies, 'recall' per class."""
    scores, intervals, recall = {}, {}, {}
    for head, matrix in score["confusion"].items():
        counts = np.array(matrix)
        scores |= {f"{head} accuracy": metrics.accuracy(counts), f"{head} macro-F1": metrics.macro_f1(counts)}
        intervals[f"{head} accuracy"] = metrics.wilson(int(np.trace(counts)), int(counts.sum()))
        recall[head] = [None if np.isnan(share) else float(share) for share in metrics.per_class(counts)]
    frontal = [k for k, yaw in enumerate(score["yaw"]) if yaw == 0]
    hits, counts = (np.array(score["cells"][key])[:, frontal].sum() for key in ("hits", "counts"))
    if counts:
        scores["expression accuracy, frontal"] = float(hits / counts)
        intervals["expression accuracy, frontal"] = metrics.wilson(int(hits), int(counts))
    return score | {"scores": scores, "intervals": intervals, "recall": recall}


def pool(scores: list[dict]) -> dict:
    """Folds as one: summed counts, and mean and deviation over the folds of what is read off them."""
    if any(s["names"] != scores[0]["names"] for s in scores):
        raise UserError("the folds were trained on different classes; they cannot be put together")
    total = lambda part, key: np.sum([s[part][key] for s in scores], 0).tolist()  # noqa: E731
    whole = {
        **{key: scores[0][key] for key in ("checkpoint", "dataset", "names", "yaw")},
        "run": f"{len(scores)} folds",
        "people": sum(s["people"] for s in scores),
        "confusion": {head: total("confusion", head) for head in scores[0]["confusion"]},
        "cells": {key: total("cells", key) for key in ("hits", "counts")},
        "folds": [{"run": s["run"], **s["scores"]} for s in scores],
    }
    return read_off(whole)


def write(folder: Path, score: dict, rows: list[dict]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metrics.json").write_text(json.dumps(score, indent=1) + "\n")
    with open(folder / "predictions.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder
