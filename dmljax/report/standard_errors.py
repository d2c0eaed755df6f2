"""Standard errors of mean differences: over splits that share people, and over people and seeds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


def resampled(values: np.ndarray, ratio: float) -> tuple[float, float, float]:
    """(mean, its standard error, degrees of freedom) of differences [n], one a split.

    The variance is (1/n + ratio) s^2 with n - 1 degrees of freedom: Nadeau and Bengio, Inference for the
    generalization error, Machine Learning 52, 2003. With ratio 0 it is Student's t.

    Args:
      ratio: size of the test side over that of the training side.
    """
    n = len(values)
    if n < 2:
        return float(np.mean(values)), np.nan, 0
    return float(np.mean(values)), float(np.sqrt((1 / n + ratio) * np.var(values, ddof=1))), n - 1


def crossed(values: np.ndarray) -> tuple[float, float, float]:
    """(mean, its standard error, degrees of freedom) of differences [people P, seeds S], both random.

    The variance is (MS_people + MS_seeds - MS_error) / (P S), and never less than that of one mean square
    alone; degrees of freedom are Satterthwaite's. One seed: Student's t over people.
    """
    p, s = values.shape
    if s == 1 or p == 1:
        return resampled(values.ravel(), 0.0)
    variance, freedom = of_both(mean_squares(values), p, s)
    return float(values.mean()), float(np.sqrt(variance)), freedom


class MeanSquares(NamedTuple):
    """Of a two-way table of differences: over people, over seeds, and what is left."""

    people: float
    seeds: float
    rest: float


def mean_squares(values: np.ndarray) -> MeanSquares:
    """Those of differences [people P, seeds S], two of each at least."""
    (p, s), rows, columns = values.shape, values.mean(1), values.mean(0)
    rest = values - rows[:, None] - columns + values.mean()
    return MeanSquares(
        float(s * np.var(rows, ddof=1)),
        float(p * np.var(columns, ddof=1)),
        float((rest**2).sum() / ((p - 1) * (s - 1))),
    )


def of_both(squares: MeanSquares, p: int, s: int, of_seeds: float | None = None) -> tuple[float, float]:
    """(variance of the mean over p people and s seeds, Satterthwaite's degrees of freedom); `of_seeds` are
    those of the seeds' mean square, None: s - 1.
    """
    freedoms = p - 1, s - 1 if of_seeds is None else of_seeds, (p - 1) * (s - 1)
    if min(squares.people, squares.seeds) > squares.rest:
        total = squares.people + squares.seeds - squares.rest
        parts = sum(square**2 / freedom for square, freedom in zip(squares, freedoms))
        return total / (p * s), total**2 / parts
    # one component is none: the other's mean square is the whole
    total, freedom = max(zip(squares, freedoms))
    return total / (p * s), float(freedom)
