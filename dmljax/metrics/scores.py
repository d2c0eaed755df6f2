"""From predictions to scores: counts of each head, what is read off them, folds pooled."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import numpy as np

from dmljax.metrics import angles, calibration
from dmljax.metrics import counts as metrics
from dmljax.types import ANGLE_NAMES, ANGLES, EXPRESSION, INDEX, POSE, Samples, UserError

CALIBRATION = "calibration"  # in a score: how far probabilities are what they say, see `calibration.of_head`


def predictions(
    found: dict[str, np.ndarray], samples: Samples, temperature: Mapping[str, float] | None = None
) -> list[dict]:
    """One row a sample: reference, labels, predicted classes and their probabilities, for heads with a
    temperature also calibrated ones, predicted angles.
    """
    index = found[INDEX]
    heads = [
        (EXPRESSION, samples.expression, samples.expression_names),
        (POSE, samples.pose, samples.pose_names),
    ]
    name = lambda names, code: names[code] if code >= 0 else ""
    rows = [
        {"reference": samples.references[i], "identity": name(samples.identity_names, samples.identity[i])}
        for i in index
    ]
    for head, labels, names in heads:
        probability = np.asarray(jax.nn.softmax(found[head])) if head in found else None
        calibrated = None
        if probability is not None and temperature is not None and head in temperature:
            calibrated = np.asarray(jax.nn.softmax(found[head] / np.float32(temperature[head])))
        for k, (row, i) in enumerate(zip(rows, index)):
            row[head] = name(names, labels[i])
            if probability is not None:
                best = int(probability[k].argmax())
                row |= {
                    f"{head}_predicted": names[best],
                    f"{head}_probability": f"{probability[k, best]:.4f}",
                }
                if calibrated is not None:
                    row[f"{head}_calibrated"] = f"{calibrated[k, best]:.4f}"
    if ANGLES in found:
        _add_angles(rows, found[ANGLES], _angles(samples, index))
    return rows


def _add_angles(rows: list[dict], predicted: np.ndarray, true: np.ndarray) -> None:
    """Adds degrees to the rows, of the angles that the network tells; '' where one is not known."""
    text = lambda angle: "" if np.isnan(angle) else f"{angle:.2f}"
    for k, name in enumerate(ANGLE_NAMES):
        if not np.isnan(predicted[:, k]).all():
            for row, here, there in zip(rows, true[:, k], predicted[:, k]):
                row |= {name: text(here), f"{name}_predicted": text(there)}


def _angles(samples: Samples, index: np.ndarray) -> np.ndarray:
    """Degrees of some samples, float32 [R, 3], nan where not known."""
    if samples.angles is None:
        return np.full((len(index), len(ANGLE_NAMES)), np.nan, np.float32)
    return samples.angles[index]


def summarise(
    found: dict[str, np.ndarray],
    samples: Samples,
    train: np.ndarray | None,
    temperature: Mapping[str, float] | None = None,
) -> dict:
    """Counts of one set of predictions, and what is read off them.

    Args:
      found: predictions, see `runs.predict.Predictor`.
      train: numbers of the samples that trained, int [.]; None of a set that is not the run's.
      temperature: of the heads whose probabilities can be calibrated; None: the outputs are no logits, and
        say nothing of probabilities.
    """
    index = found[INDEX]
    people = lambda part: np.unique(samples.identity[part][samples.identity[part] >= 0])
    tested = people(index)
    labels = {EXPRESSION: samples.expression[index], POSE: samples.pose[index]}
    heads = {
        head: metrics.confusion(labels[head], found[head].argmax(1), found[head].shape[1])
        for head in (EXPRESSION, POSE)
        if head in found and (labels[head] >= 0).any()
    }
    shape = len(samples.expression_names), len(samples.pose_names)
    correct = (
        found[EXPRESSION].argmax(1) == labels[EXPRESSION] if EXPRESSION in found else np.zeros(len(index))
    )
    hits, counts = metrics.by_cell(labels[EXPRESSION], labels[POSE], correct, shape)
    score = {
        "dataset": samples.name,
        "names": {EXPRESSION: list(samples.expression_names), POSE: list(samples.pose_names)},
        "yaw": [None if np.isnan(yaw) else yaw for yaw in samples.pose_yaw],
        "people": len(tested),
        "people_trained": None if train is None else len(np.intersect1d(tested, people(train))),
        "confusion": {head: counts.tolist() for head, counts in heads.items()},
        "cells": {"hits": hits.tolist(), "counts": counts.tolist()},
    }
    if temperature is not None:
        of = lambda head: calibration.of_head(found[head], labels[head], temperature.get(head))
        score[CALIBRATION] = {head: of(head) for head in heads}
    if ANGLES in found:
        score[ANGLES] = angles.totals(found[ANGLES], _angles(samples, index))
    return read_off(score)


def read_off(score: dict) -> dict:
    """A score of counts with what they say: 'scores' by name, 'recall' per class; of a network with a head
    for angles also 'errors' in degrees.
    """
    scores: dict[str, float] = {}
    recall = {}
    for head, matrix in score["confusion"].items():
        counts = np.array(matrix)
        scores |= {f"{head} accuracy": metrics.accuracy(counts), f"{head} macro-F1": metrics.macro_f1(counts)}
        recall[head] = [None if np.isnan(share) else float(share) for share in metrics.per_class(counts)]
    frontal = [k for k, yaw in enumerate(score["yaw"]) if yaw == 0]
    if EXPRESSION in score["confusion"]:
        hits, counts = (np.array(score["cells"][key])[:, frontal].sum() for key in ("hits", "counts"))
        if counts:
            scores["expression accuracy, frontal"] = float(hits / counts)
    errors = {"errors": angles.read_off(score[ANGLES])} if ANGLES in score else {}
    return score | {"scores": scores, "recall": recall} | errors


def pool(scores: list[dict]) -> dict:
    """Folds as one: summed counts, and mean and deviation over the folds of what is read off them."""
    if any(s["names"] != scores[0]["names"] for s in scores):
        raise UserError("the folds were trained on different classes; they cannot be put together")
    total = lambda part, key: np.sum([s[part][key] for s in scores], 0).tolist()
    both = [s.get("people_trained", 0) for s in scores]
    whole = {
        **{key: scores[0][key] for key in ("checkpoint", "dataset", "names", "yaw")},
        "run": f"{len(scores)} folds",
        "people": sum(s["people"] for s in scores),
        "people_trained": None if None in both else sum(both),
        "confusion": {head: total("confusion", head) for head in scores[0]["confusion"]},
        "cells": {key: total("cells", key) for key in ("hits", "counts")},
        "folds": [{"run": s["run"], **s["scores"], **s.get("errors", {})} for s in scores],
    }
    if all(CALIBRATION in s for s in scores):  # those of an older version have none
        whole[CALIBRATION] = calibration.pool([s[CALIBRATION] for s in scores])
    if any(ANGLES in s for s in scores):
        whole[ANGLES] = angles.pool([s.get(ANGLES, {}) for s in scores])
    return read_off(whole)


def validation_scores(found: dict[str, np.ndarray], samples: Samples, *, unit: float) -> dict[str, float]:
    """Accuracies, errors and losses of predictions; 'loss' is the sum of the heads' losses. {} of samples
    without a label.

    Args:
      unit: degrees in which the mean absolute error of the angles, their loss, is measured.
    """
    scores: dict[str, float] = {}
    for head, labels in ((EXPRESSION, samples.expression), (POSE, samples.pose)):
        if head in found and (labels[found[INDEX]] >= 0).any():
            true = labels[found[INDEX]]
            counts = metrics.confusion(true, found[head].argmax(1), found[head].shape[1])
            scores |= {
                f"accuracy/{head}": metrics.accuracy(counts),
                f"loss/{head}": metrics.cross_entropy(found[head], true),
            }
    if ANGLES in found and (told := angles.totals(found[ANGLES], _angles(samples, found[INDEX]))):
        errors = angles.read_off(told)
        scores |= {f"error/{name}": errors[angles.OF[name]] for name in told}
        scores |= {"error/angles": errors[angles.MEAN], "loss/angles": errors[angles.MEAN] / unit}
    losses = [value for key, value in scores.items() if key.startswith("loss/")]
    return scores | {"loss": sum(losses)} if losses else {}
