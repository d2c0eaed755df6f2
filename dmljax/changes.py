"""Changing single fields of a configuration by their dotted names, each to a value of its field's type."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from dmljax.fields import flatten, leaves
from dmljax.types import UserError, nearest

KINDS = {
    bool: "True or False",
    int: "a whole number",
    float: "a number",
    str: "a text",
    tuple: "a list or tuple",
}


def changed(config: ConfigDict, changes: dict, where: str = "") -> ConfigDict:
    """A locked copy of a configuration with some fields changed.

    Args:
      changes: values by dotted field, or in nested dicts; each of its field's type.
      where: what errors begin with.

    Raises:
      UserError: an unknown field, with one that is like it; a value of another type, with both types; or two
        values of one field.
      TypeError: the changes are no dict.
    """
    if not isinstance(changes, Mapping):
        raise TypeError(
            f"{where}changes must be a dict such as {{'train.duration': '3 epochs'}}; got {changes!r:.60}"
        )
    result = config.copy_and_resolve_references()
    values: dict[str, Any] = {}
    with result.unlocked():
        for field, value in leaves(changes):
            if values.setdefault(field, value) is not value:
                raise UserError(f"{where}{field} is given twice, as {values[field]!r} and as {value!r}")
            section, key = section_of(result, field, where)
            if not (value == {} and isinstance(section[key], ConfigDict)):  # of a section, no change
                section[key] = _typed(f"{where}{field}", section[key], value)
    return result.lock()


def section_of(config: ConfigDict, field: str, where: str = "") -> tuple[ConfigDict, str]:
    """The section that a dotted field stands in, and its name there.

    Raises:
      UserError: an unknown field, with one that is like it.
    """
    *sections, key = field.split(".")
    section: Any = config
    for name in sections:
        section = section.get(name) if isinstance(section, ConfigDict) else None
    if not isinstance(section, ConfigDict) or key not in section:
        raise UserError(f"{where}unknown field '{field}'.{_like(field, config)}")
    return section, key


def _like(field: str, config: ConfigDict) -> str:
    known = list(flatten(config.to_dict()))
    same = [other for other in known if other.rpartition(".")[2] == field.rpartition(".")[2]]
    like = f" Did you mean '{same[0]}'?" if same else " dmljax fields lists them."
    return nearest(field, [*known, *config]) or like


def _typed(field: str, present, value):
    """The value as the field holds it: its type is that of the present value."""
    if isinstance(present, ConfigDict):
        raise UserError(f"{field} is a section, not a field; change its fields {', '.join(present)}")
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(present, str) and isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(present, float):
        value = _floated(value)
    if isinstance(present, tuple) and isinstance(value, list | tuple):
        kinds = {type(entry) for entry in present}
        made = tuple(map(_floated, value) if kinds == {float} else value)
        if kinds and any(type(entry) not in kinds for entry in made):
            names = " or ".join(kind.__name__ for kind in kinds)
            raise UserError(f"{field} must hold values of type {names}, such as {present!r}; got {value!r}")
        return made
    if isinstance(value, type(present)) and isinstance(value, bool) == isinstance(present, bool):
        return value
    expected = KINDS.get(type(present), type(present).__name__)
    raise UserError(
        f"{field} must be {expected}, such as {present!r}; got {value!r} ({type(value).__name__})"
    )


def _floated(value):
    """A whole number as a float, where it is no larger than floats go; anything else as it is."""
    if type(value) is int:
        with contextlib.suppress(OverflowError):
            return float(value)
    return value
