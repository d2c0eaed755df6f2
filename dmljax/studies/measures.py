"""What experiments read of finished runs: pooled counts, features, logs; and differences of networks."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from dmljax import run_folder
from dmljax.report import statistics
from dmljax.types import LABELS, UserError

ACCURACY = "expression accuracy"


def of(rows: list[dict], label: str) -> list[dict]:
    return [row for row in rows if row["label"] == label]


def pairs(rows: list[dict], label: str, other: str, measure: str = ACCURACY) -> list[tuple[float, float]]:
    """(measure of `label`, of `other`) for each seed and fold that both have."""
    there = {(row["seed"], row["fold"]): row[measure] for row in of(rows, other) if measure in row}
    return [
        (row[measure], there[key])
        for row in of(rows, label)
        if measure in row and (key := (row["seed"], row["fold"])) in there
    ]


def gain(both: list[tuple[float, float]], scale: float = 100) -> str:
    """Mean difference as text, '-' for no pair."""
    # + 0.0: no minus before a zero
    return f"{round(scale * np.mean([a - b for a, b in both]), 1) + 0.0:+.1f}" if both else "-"


def percent(rows: list[dict], measure: str = ACCURACY) -> list[str]:
    """Mean and 95 % interval of a measure over runs, in %, as two texts."""
    return statistics.cell(statistics.interval([row[measure] for row in rows if measure in row]), 100)


def told(p: float | None, difference: float) -> str:
    """A difference in words, with its p value."""
    if p is None:
        return "too few runs to say"
    words = (
        "a gain"
        if p < 0.05 and difference > 0
        else "a loss"
        if p < 0.05
        else "no difference that these runs could show"
    )
    return f"{words} ({certainty(p)})"


def certainty(p: float | None) -> str:
    """A p value in words; there is none of one pair, or of pairs that all differ alike."""
    return "not tested" if p is None else f"p {'' if p < 0.001 else '= '}{statistics.probability(p)}"


def pooled(rows: list[dict]) -> dict | None:
    """Counts of several runs as one: 'names', 'yaw', 'confusion', 'cells'; None for no run.

    Raises:
      UserError: the runs know different classes.
    """
    scores = [run_folder.metrics(Path(row["folder"])) for row in rows]
    if not scores:
        return None
    if any(score["names"] != scores[0]["names"] for score in scores):
        raise UserError("runs with different classes cannot be put together; delete the folders of one kind")
    summed = lambda part, key: np.sum([score[part][key] for score in scores], 0)
    return {
        "names": scores[0]["names"],
        "yaw": scores[0]["yaw"],
        "confusion": {head: summed("confusion", head) for head in scores[0]["confusion"]},
        "cells": {key: summed("cells", key) for key in ("hits", "counts")},
    }


def features(row: dict) -> tuple[np.ndarray, dict[str, np.ndarray], dict[str, tuple[str, ...]]]:
    """(embedding [N, E], labels by name [N], names of the classes) of a run's test images.

    Raises:
      UserError: its features cannot be read.
    """
    path = Path(row["folder"]) / run_folder.EVALUATION / run_folder.FEATURES
    try:
        with np.load(path) as file:
            labels = {name: file[name] for name in LABELS}
            return file["embedding"], labels, {name: tuple(file[f"{name}_names"]) for name in labels}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise UserError(f"'{path}' cannot be read ({error}); evaluate the run again") from None
