"""From predictions to scores: counts of each head, what is read off them, folds pooled."""

from __future__ import annotations

import jax
import numpy as np

from dmljax.metrics import counts as metrics
from dmljax.types import EXPRESSION, INDEX, POSE, Samples, UserError


def predictions(found: dict[str, np.ndarray], samples: Samples) -> list[dict]:
    """One row a sample: reference, labels, predicted classes and their probabilities."""
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
        for k, (row, i) in enumerate(zip(rows, index)):
            row[head] = name(names, labels[i])
            if probability is not None:
                best = int(probability[k].argmax())
                row |= {
                    f"{head}_predicted": names[best],
                    f"{head}_probability": f"{probability[k, best]:.4f}",
                }
    return rows


def summarise(found: dict[str, np.ndarray], samples: Samples) -> dict:
    """Counts of one set of predictions, and what is read off them."""
    index = found[INDEX]
    labels = {EXPRESSION: samples.expression[index], POSE: samples.pose[index]}
    heads = {
        head: metrics.confusion(labels[head], found[head].argmax(1), found[head].shape[1])
        for head in (EXPRESSION, POSE)
        if head in found and (labels[head] >= 0).any()
    }
    correct = found[EXPRESSION].argmax(1) == labels[EXPRESSION]
    hits, counts = metrics.by_cell(
        labels[EXPRESSION], labels[POSE], correct, (len(samples.expression_names), len(samples.pose_names))
    )
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
    """A score of counts with what they say: 'scores' by name, 95 % 'intervals' of the accuracies, 'recall'
    per class.
    """
    scores: dict[str, float] = {}
    intervals, recall = {}, {}
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
    total = lambda part, key: np.sum([s[part][key] for s in scores], 0).tolist()
    whole = {
        **{key: scores[0][key] for key in ("checkpoint", "dataset", "names", "yaw")},
        "run": f"{len(scores)} folds",
        "people": sum(s["people"] for s in scores),
        "confusion": {head: total("confusion", head) for head in scores[0]["confusion"]},
        "cells": {key: total("cells", key) for key in ("hits", "counts")},
        "folds": [{"run": s["run"], **s["scores"]} for s in scores],
    }
    return read_off(whole)


def validation_scores(found: dict[str, np.ndarray], samples: Samples) -> dict[str, float]:
    """Accuracies and losses of predictions; 'loss' is the sum of the heads' cross-entropies."""
    scores: dict[str, float] = {}
    for head, labels in ((EXPRESSION, samples.expression), (POSE, samples.pose)):
        if head in found and (labels[found[INDEX]] >= 0).any():
            true = labels[found[INDEX]]
            counts = metrics.confusion(true, found[head].argmax(1), found[head].shape[1])
            scores |= {
                f"accuracy/{head}": metrics.accuracy(counts),
                f"loss/{head}": metrics.cross_entropy(found[head], true),
            }
    scores["loss"] = sum(value for key, value in scores.items() if key.startswith("loss/"))
    return scores
