"""Rows of the tables of a prediction: a face each, flat for CSV, nested for JSON lines."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from dmljax.inference.predictions import Predictions
from dmljax.types import EXPRESSION, POSE

PLACE = ("file", "frame", "time", "face", "left", "top", "right", "bottom")  # columns before the predictions
DIGITS = 6  # significant ones of a number


def columns(predictions: Predictions, *, embedding: bool) -> list[str]:
    """The columns of the CSV file."""
    return [*PLACE, *predictions.columns(embedding=embedding)]


def flat(place: dict, boxes: np.ndarray, numbers: list[int], predictions: Predictions, *, embedding: bool):
    """Rows by column; see `columns`.

    Args:
      place: 'file', and of a film's picture 'frame' and 'time'.
      boxes: float [F, 4].
      numbers: of the faces, F.
    """
    values = predictions.columns(embedding=embedding)
    return [
        {
            **{key: _cell(value) for key, value in place.items()},
            "face": number,
            **dict(zip(PLACE[4:], map(_cell, box))),
            **{name: _cell(column[k]) for name, column in values.items()},
        }
        for k, (number, box) in enumerate(zip(numbers, boxes))
    ]


def nested(place: dict, boxes: np.ndarray, numbers: list[int], predictions: Predictions, *, embedding: bool):
    """What the lines of a JSON file hold; arguments as of `flat`."""
    rows = []
    for k, (number, box) in enumerate(zip(numbers, boxes)):
        row: dict[str, Any] = {key: _number(value) for key, value in place.items()}
        row |= {"face": number, "box": [_number(edge) for edge in box]}
        for head, name in ((EXPRESSION, "confidence"), (POSE, "pose_confidence")):
            probability = getattr(predictions, f"{head}_probability")
            if probability is not None:
                classes = getattr(predictions, f"{head}_names")
                row |= {
                    head: str(getattr(predictions, head)[k]),
                    name: _number(probability[k].max()),
                    f"{head}_probability": dict(zip(classes, map(_number, probability[k]))),
                }
        if predictions.yaw is not None:
            row["yaw"] = _number(predictions.yaw[k])
        row |= {f"head_{name}": _number(angle[k]) for name, angle in predictions.known_angles().items()}
        if embedding:
            row["embedding"] = [_number(value) for value in predictions.embedding[k]]
        rows.append(row)
    return rows


def _number(value):
    """A value as JSON has it: rounded, None for what is no number."""
    if isinstance(value, str | int):
        return value
    return None if not math.isfinite(value) else float(f"{value:.{DIGITS}g}")


def _cell(value) -> str:
    if isinstance(value, str | int):
        return str(value)
    return f"{value:.{DIGITS}g}" if math.isfinite(value) else ""
