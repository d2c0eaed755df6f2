"""Durations as people write them, converted once: '100 steps', '20 epochs', '10%'."""

from __future__ import annotations

import re

from dmljax.types import UserError

ABSOLUTE = "steps or epochs"  # the units of the run's own duration
RELATIVE = "steps, epochs or % of the run"  # and of all others
FORMS = {ABSOLUTE: "'100 steps', '20 epochs'", RELATIVE: "'100 steps', '20 epochs' or '10%'"}

_FORM = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(steps?|epochs?|%)\s*")


def parse(text: str, units: str) -> tuple[float, str] | None:
    """A duration's number and unit ('step', 'epoch' or '%'), or None where the text is no such duration.

    Args:
      text: a number and its unit.
      units: `ABSOLUTE` or `RELATIVE`.
    """
    match = _FORM.fullmatch(str(text))
    if match is None or (match[2] == "%" and units == ABSOLUTE):
        return None
    return float(match[1]), match[2].removesuffix("s")


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
    units = ABSOLUTE if whole is None else RELATIVE
    parsed = parse(text, units)
    if parsed is None:
        raise UserError(f"{field} must be a duration such as {FORMS[units]}; got '{text}'")
    number, unit = parsed
    return round(number * {"step": 1, "epoch": epoch, "%": (whole or 0) / 100}[unit])
