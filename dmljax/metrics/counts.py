"""Metrics from counts: a confusion matrix is a sum over samples, and all else is read off it."""

from __future__ import annotations

import numpy as np

from dmljax.types import UserError


def confusion(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Counts, int64 [classes, classes]: rows are the true classes, columns the predicted ones; missing labels
    are left out.
    """
    known = labels >= 0
    return np.bincount(labels[known] * classes + predicted[known], minlength=classes * classes).reshape(
        classes, classes
    )


def accuracy(counts: np.ndarray) -> float:
    """Share of the diagonal, 0..1.

    Raises:
      UserError: the matrix is empty.
    """
    if counts.sum() == 0:
        raise UserError(
            "nothing to evaluate: no sample with a label is left; choose other samples (yaw range, fold)"
        )
    return float(np.trace(counts) / counts.sum())


def per_class(counts: np.ndarray) -> np.ndarray:
    """Recall of each class, float [classes]; nan where a class has no sample."""
    total = counts.sum(1)
    return np.where(total > 0, np.diag(counts) / np.maximum(total, 1), np.nan)


def macro_f1(counts: np.ndarray) -> float:
    """Mean F1 = 2 TP / (2 TP + FP + FN) over the classes that occur among the labels."""
    hits, present = np.diag(counts), counts.sum(1) > 0
    f1 = 2 * hits / np.maximum(counts.sum(0) + counts.sum(1), 1)
    return float(f1[present].mean()) if present.any() else float("nan")


def by_cell(
    expression: np.ndarray, pose: np.ndarray, correct: np.ndarray, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """(correct, count), int64 [expressions, poses] each: how many samples of a cell there are, and were
    classified right.
    """
    known = (expression >= 0) & (pose >= 0)
    cell = expression[known] * shape[1] + pose[known]
    size = shape[0] * shape[1]
    hits = np.bincount(cell, weights=correct[known].astype(float), minlength=size).astype(np.int64)
    return hits.reshape(shape), np.bincount(cell, minlength=size).reshape(shape)


def wilson(hits: float, count: int) -> tuple[float, float]:
    """95 % Wilson score interval of a share, for independent samples."""
    if count == 0:
        return float("nan"), float("nan")
    z = 1.959964
    share, z2 = hits / count, z * z
    centre, half = (
        share + z2 / (2 * count),
        z * np.sqrt(share * (1 - share) / count + z2 / (4 * count * count)),
    )
    low, high = (centre - half) / (1 + z2 / count), (centre + half) / (1 + z2 / count)
    return max(float(low), 0.0), min(float(high), 1.0)  # which rounding may pass by a hair


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
    """Mean -log softmax over the samples with a label; nan if there is none."""
    known = labels >= 0
    if not known.any():
        return float("nan")
    shifted = logits[known].astype(np.float64)
    shifted -= shifted.max(1, keepdims=True)
    return float((np.log(np.exp(shifted).sum(1)) - shifted[np.arange(known.sum()), labels[known]]).mean())
