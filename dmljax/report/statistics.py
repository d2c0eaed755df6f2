"""Means with intervals, and how they, differences and p values are written."""

from __future__ import annotations

import numpy as np
from scipy import stats

from dmljax.report.differences import Difference
from dmljax.report.levels import Level

COMPARED = ("difference, points", "95 %", "p, Holm")


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


def cell(value: tuple[float, float] | None, scale: float = 1.0, digits: int = 1) -> list[str]:
    """An interval as two texts, '-' where there is nothing to say."""
    if value is None:
        return ["-", "-"]
    half = "-" if np.isnan(value[1]) else f"± {scale * value[1]:.{digits}f}"
    return [f"{scale * value[0]:.{digits}f}", half]


def between(found: Level | None) -> list[str]:
    """A level in %, and its interval, as two texts, '-' where there is nothing to say."""
    if found is None:
        return ["-", "-"]
    mean, low, high = (100 * value for value in found)
    return [f"{mean:.1f}", "-" if np.isnan(low) else f"{low:.1f} to {high:.1f}"]


def gain(found: Difference | None, scale: float = 100, digits: int = 1) -> list[str]:
    """A difference and its interval as two texts, by default in points; '-' where there is nothing to say."""
    if found is None:
        return ["-", "-"]
    mean = round(scale * found.mean, digits) + 0.0  # no minus before a zero
    half = "-" if np.isnan(found.half) else f"± {scale * found.half:.{digits}f}"
    return [f"{mean:+.{digits}f}", half]


def compared(found: Difference | None) -> list[str]:
    """The cells below `COMPARED`: a difference in points, its interval, its p value."""
    return [*gain(found), probability(found.p if found else None)]


def probability(value: float | None) -> str:
    if value is None:
        return "-"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
