"""Durations as people write them, converted once: '100 steps', '20 epochs', '10%'."""

from __future__ import annotations

import re

from dmljax.types import UserError

_FORM = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(steps?|epochs?|%)\s*")


def steps(text: str, *, field: str, epoch: int, whole: int | None = None) -> int:
    """A duration in optimizer steps.

    Args:
      text: a number and its unit: steps, epochs, or % of the whole run.
      field: the configuration's field, for errors.
      epoch: steps in an epoch.
      whole: steps in the run; None where a percentage makes no sense.

    Raises:
      UserError: the text is no duration.
    """
    match = _FORM.fullmatch(str(text))
    if match is None or (match[2] == "%" and whole is None):
        units = "'100 steps', '20 epochs'" + ("" if whole is None else " or '10%'")
        raise UserError(f"{field} must be a duration such as {units}; got '{text}'")
    unit = {"s": 1, "e": epoch, "%": (whole or 0) / 100}[match[2][0]]
    return round(float(match[1]) * unit)
