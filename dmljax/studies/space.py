"""What a sweep tries: fields of the configuration, each with values or a range."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from dmljax import config as configuration
from dmljax import fields
from dmljax.types import UserError, nearest

# Who tests, who chooses, and what is compared must be the same for all trials; where results go, too.
FIXED = ("seed", "split.", "dataset.", "plugins", "preset", "tracking.", "train.profile")
_RANGE = re.compile(r"(?P<low>[^.]*(?:\.[^.]+)?)\.\.(?P<high>[^:]+)(?P<log>:log)?")


class Axis(NamedTuple):
    """One field and what it may be.

    Attributes:
      field: dotted.
      choices: texts of the values to try; empty for a range.
      low, high: ends of a range.
      log: the range is searched by its logarithm.
      whole: its numbers are whole.
    """

    field: str
    choices: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    whole: bool = False

    def __str__(self) -> str:
        if self.choices:
            return f"{self.field}={','.join(self.choices)}"
        return f"{self.field}={self.low:.10g}..{self.high:.10g}{':log' if self.log else ''}"


def axes(config: ConfigDict, texts: Sequence[str]) -> list[Axis]:
    """The axes that texts such as 'optimizer.learning_rate=1e-4..1e-2:log' or 'weighting.name=dwa,famo' mean.

    Raises:
      UserError: a text that says no axis, an unknown field, one that may not differ between trials or that is
        named twice, or a value that it may not have.
    """
    if isinstance(texts, str):
        raise TypeError(f"over must be a list of texts such as ['{texts}']; got one text")
    if not texts:
        raise UserError(
            "give one or more fields with what to try: FIELD=LOW..HIGH, FIELD=LOW..HIGH:log or"
            " FIELD=VALUE,VALUE",
            parameter="over",
        )
    known = fields.flatten(config.to_dict())
    found: list[Axis] = []
    for text in texts:
        try:
            axis = _axis(text, known)
            if axis.field in [other.field for other in found]:
                raise UserError(f"{axis.field} is named twice")
            for value in axis.choices or (axis.low, axis.high):
                configuration.check(
                    configuration.changed(config, {axis.field: value_of(axis, value, config)})
                )
        except UserError as error:
            raise UserError(str(error), parameter="over") from None
        found.append(axis)
    return found


def value_of(axis: Axis, value: Any, config: ConfigDict):
    """A trial's value as the field holds it; texts of choices are read by the field's kind."""
    present = fields.flatten(config.to_dict())[axis.field]
    if not axis.choices:
        return int(value) if axis.whole else float(value)
    return read(axis.field, str(value), present)


def present_values(axes: list[Axis], config: ConfigDict) -> dict[str, Any] | None:
    """The configuration's own values as a trial has them; None where one is not among what is tried."""
    found: dict[str, Any] = {}
    for axis in axes:
        now = fields.flatten(config.to_dict())[axis.field]
        if axis.choices:
            same = [choice for choice in axis.choices if value_of(axis, choice, config) == now]
        else:
            same = [now] if axis.low <= now <= axis.high else []
        if not same:
            return None
        found[axis.field] = same[0]
    return found


def _axis(text: str, known: dict[str, Any]) -> Axis:
    field, equals, said = (part.strip() for part in text.partition("="))
    if not equals or not said:
        raise UserError(f"'{text}' must be FIELD=LOW..HIGH, FIELD=LOW..HIGH:log or FIELD=VALUE,VALUE")
    if field not in known:
        raise UserError(f"unknown field '{field}'.{nearest(field, known)}")
    if field.startswith(FIXED):
        raise UserError(f"{field} must be the same for all trials, or they could not be compared")
    present = known[field]
    is_number = isinstance(present, int | float) and not isinstance(present, bool)
    if ".." in said and is_number:
        return _range(field, said, whole=isinstance(present, int))
    choices = tuple(choice.strip() for choice in said.split(","))
    if len(set(choices)) < len(choices) or not all(choices):
        raise UserError(f"'{text}' must name different values, none of them empty")
    for choice in choices:
        read(field, choice, present)
    return Axis(field, choices)


def _range(field: str, said: str, *, whole: bool) -> Axis:
    match = _RANGE.fullmatch(said)
    try:
        low, high = (float(match[end]) for end in ("low", "high")) if match else (1.0, 0.0)
    except ValueError:
        low, high = 1.0, 0.0
    log = bool(match and match["log"])
    if not -math.inf < low < high < math.inf or (whole and (low % 1 or high % 1)) or (log and low <= 0):
        kind = "whole numbers" if whole else "numbers"
        above = ", above 0 to be searched by their logarithm" if log else ""
        raise UserError(
            f"{field} must be a range LOW..HIGH of two {kind}, the lower first{above}; got '{said}'"
        )
    return Axis(field, (), low, high, log, whole)


def read(field: str, text: str, present):
    """A text as a value of the present one's kind; what is no such value stays a text, and is refused."""
    if isinstance(present, bool):
        return {"true": True, "false": False}.get(text.lower(), text)
    if isinstance(present, tuple):
        return tuple(text.split("+"))
    if isinstance(present, int | float):
        try:
            return type(present)(text)
        except ValueError:
            kind = "a whole number" if isinstance(present, int) else "a number"
            raise UserError(f"{field} must be {kind}; got '{text}'") from None
    return text
