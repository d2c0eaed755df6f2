"""Means with intervals, paired tests, and how both are written."""

from __future__ import annotations

import numpy as np
from scipy import stats


def interval(values) -> tuple[float, float] | None:
    """(mean, half the width of Student's 95 % interval; nan for one value); None for no value."""
    if not values:
        return None
    half = (
        stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
        if len(values) > 1
        else np.nan
    )
    return float(np.mean(values)), float(half)


def paired(pairs) -> float | None:
    """Two-sided p value of a paired t test; None where there is nothing to test."""
    differences = np.array([a - b for a, b in pairs])
    if len(differences) < 2 or np.ptp(differences) == 0:
        return None
    return float(stats.ttest_1samp(differences, 0).pvalue)


def cell(value: tuple[float, float] | None, scale: float = 1.0) -> list[str]:
    """An interval as two texts, '-' where there is nothing to say."""
    if value is None:
        return ["-", "-"]
    return [f"{scale * value[0]:.1f}", "-" if np.isnan(value[1]) else f"± {scale * value[1]:.1f}"]


def probability(value: float | None) -> str:
    if value is None:
        return "-"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
