"""Poses by their names: in which order they stand, and which one is the mirror image of which."""

from __future__ import annotations

import math

from dmljax import tables
from dmljax.types import MISSING, UserError


def by_number_and_name(name: str) -> tuple:
    """Sorts names: those that are numbers first, by their value."""
    value = tables.number(name)
    return (math.isnan(value), 0 if math.isnan(value) else value, name)


def mirror(names: tuple[str, ...], mirrors: str, dataset: str) -> tuple[int, ...]:
    """The pose class after a flip: that of the opposite yaw, or as the field `mirrors` says.

    Args:
      mirrors: pairs such as 'left:right,frontal'.
      dataset: named in errors.

    Raises:
      UserError: the field names no pose, or one in two pairs.
    """
    yaw = [tables.number(name) for name in names]
    number = {tables.same(name, numeric=True): k for k, name in enumerate(names)}
    mirror = [next((k for k, other in enumerate(yaw) if other == -angle), MISSING) for angle in yaw]
    for pair in filter(None, (pair.strip() for pair in mirrors.split(","))):
        one, _, other = pair.partition(":")
        sides = [tables.same(side, numeric=True) for side in (one, other or one)]
        if unknown := [side for side in sides if side not in number]:
            raise UserError(
                f"{dataset}: mirrors has '{unknown[0]}', which is no pose; there are {', '.join(names)}"
            )
        a, b = (number[side] for side in sides)
        mirror[a], mirror[b] = b, a
    if broken := [name for k, name in enumerate(names) if mirror[k] >= 0 and mirror[mirror[k]] != k]:
        raise UserError(f"{dataset}: mirrors names the pose '{broken[0]}' in two pairs: '{mirrors}'")
    return tuple(mirror)
