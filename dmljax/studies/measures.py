"""What experiments read of finished runs: pooled counts, features, logs; and differences of networks."""

from __future__ import annotations

import contextlib
import zipfile
from pathlib import Path

import numpy as np

from dmljax import run_folder
from dmljax.metrics import calibration
from dmljax.report import differences, levels, probes, statistics
from dmljax.report.differences import Difference
from dmljax.report.parts import Text
from dmljax.types import EXPRESSION, LABELS, UserError

ACCURACY = "expression accuracy"


def of(rows: list[dict], label: str) -> list[dict]:
    return [row for row in rows if row["label"] == label]


def difference(rows: list[dict], label: str, other: str, measure: str = ACCURACY) -> Difference | None:
    """What `label` has more of a measure than `other`; None where no seed and fold has both."""
    return differences.difference(differences.pairs(rows, label, other, measure))


def run(row: dict) -> dict:
    """What a row of another measure of the same run needs so that it can be compared."""
    return {key: row[key] for key in differences.RUN if key in row}


def notes(found: list[Difference | None]) -> list[Text]:
    """What the tests of a page's differences count; none where nothing is tested."""
    return [Text(said)] if (said := differences.note(found)) else []


def gain(found: Difference | None, scale: float = 100, digits: int = 1) -> str:
    """What `statistics.gain` gives, as one text; '-' for no pair."""
    middle, half = statistics.gain(found, scale, digits)
    return middle if half == "-" else f"{middle} {half}"


def percent(rows: list[dict], measure: str = ACCURACY) -> list[str]:
    """Mean of a measure over runs, and its 95 % interval over people and runs, in %, as two texts."""
    return statistics.between(levels.level(rows, measure))


def mean(rows: list[dict], measure: str = ACCURACY) -> str:
    """What `percent` gives, as one text; '-' for no run."""
    middle, between = percent(rows, measure)
    return middle if between == "-" else f"{middle} ({between})"


def told(found: Difference | None) -> str:
    """A difference in words, with its p value."""
    if found is None or found.p is None:
        few = found is None or found.pairs < 2
        return "too few runs to say" if few else "alike in all runs, which tells nothing of others"
    words = (
        "a gain"
        if found.p < 0.05 and found.mean > 0
        else "a loss"
        if found.p < 0.05
        else "no difference that these runs could show"
    )
    return f"{words} ({certainty(found)})"


def certainty(found: Difference | None) -> str:
    """A p value in words; there is none of one pair, or of pairs that all differ alike."""
    p = None if found is None else found.p
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


def quality(row: dict) -> dict[str, float]:
    """What a run's test images tell beside its scores: 'ECE' of the expression's probabilities as they are,
    'R-precision' of the embedding by expression, both 0..1; what cannot be read, is not known or was not
    trained is left out.
    """
    found: dict[str, float] = {}
    if row.get("single") not in (None, EXPRESSION):
        return found
    bins = run_folder.metrics(Path(row["folder"])).get("calibration", {}).get(EXPRESSION)
    if bins and not np.isnan(error := calibration.error(bins["bins"])):
        found["ECE"] = error
    with contextlib.suppress(UserError):
        embedding, labels, _ = features(row)
        known = labels[EXPRESSION] >= 0
        of_known = labels[EXPRESSION][known]
        if np.bincount(of_known, minlength=1).max() > 1:
            found["R-precision"] = probes.retrieval(embedding[known], of_known)["R-precision"]
    return found


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
