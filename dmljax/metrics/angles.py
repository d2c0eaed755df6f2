"""Mean absolute errors of angles, from sums and counts, with 95 % intervals over people."""

from __future__ import annotations

import numpy as np
from scipy import stats

from dmljax.types import ANGLE_NAMES

OF = {name: f"{name} error" for name in ANGLE_NAMES}  # names of the measures, in degrees
MEAN = "angle error"  # the mean of those that there are


def errors(predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """|predicted - true| on the circle, degrees, float64 [N, A]; nan where either is not known."""
    turn = np.abs(np.asarray(predicted, np.float64) - true) % 360
    return np.minimum(turn, 360 - turn)


def totals(predicted: np.ndarray, true: np.ndarray) -> dict[str, dict[str, float]]:
    """name of an angle -> 'sum' of the absolute errors in degrees and 'count', of angles that are known.

    Args:
      predicted, true: degrees, float [N, 3]; nan where not known.
    """
    found = errors(predicted, true)
    counts = (~np.isnan(found)).sum(0)
    return {
        name: {"sum": float(np.nansum(found[:, k])), "count": int(counts[k])}
        for k, name in enumerate(ANGLE_NAMES)
        if counts[k]
    }


def pool(several: list[dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    """What `totals` found of several folds, added up."""
    names = [name for name in ANGLE_NAMES if any(name in one for one in several)]
    return {
        name: {key: sum(one[name][key] for one in several if name in one) for key in ("sum", "count")}
        for name in names
    }


def read_off(found: dict[str, dict[str, float]]) -> dict[str, float]:
    """Mean absolute errors in degrees by name, and the mean of them over the angles."""
    means = {OF[name]: each["sum"] / each["count"] for name, each in found.items()}
    return means | {MEAN: float(np.mean(list(means.values())))} if means else {}


def intervals(found: np.ndarray, people: np.ndarray) -> dict[str, list[float] | None]:
    """95 % intervals of what `read_off` has, people being drawn, not images; None where there is one person.

    With mean m = sum_i s_i / sum_i n_i over P people, who have n_i images with errors that add up to s_i, its
    standard error s is

        s^2 = P / (P - 1) sum_i e_i^2,  e_i = (s_i - m n_i) / sum_i n_i

    (Cochran, 1977); of the mean over the angles, e_i is the mean of theirs. The interval is Student's with
    P - 1 degrees of freedom on the scale of the logarithm, where the error is s / m.

    Args:
      found: errors in degrees, float [N, 3], nan where there is none.
      people: number of the person of each row, int [N].
    """
    shares, means = {}, {}
    for k, name in enumerate(ANGLE_NAMES):
        known = ~np.isnan(found[:, k])
        if not known.any():
            continue
        sums = np.bincount(people[known], found[known, k], minlength=people.max() + 1)
        counts = np.bincount(people[known], minlength=people.max() + 1)
        means[OF[name]] = mean = sums.sum() / counts.sum()
        shares[OF[name]] = (sums - mean * counts) / counts.sum()
    if means:
        means[MEAN], shares[MEAN] = np.mean(list(means.values())), np.mean(list(shares.values()), 0)
    drawn = len(np.unique(people[~np.isnan(found).all(1)]))
    return {name: _student(mean, shares[name], drawn) for name, mean in means.items()}


def _student(mean: float, shares: np.ndarray, people: int) -> list[float] | None:
    if people < 2 or not mean > 0:
        return None
    error = np.sqrt((shares**2).sum() * people / (people - 1))
    half = stats.t.ppf(0.975, people - 1) * error / mean
    return [float(mean * np.exp(-half)), float(mean * np.exp(half))]
