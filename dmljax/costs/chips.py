"""TPU slices by name, and the rates that their maker publishes.

Rates of one chip as of November 2026: https://cloud.google.com/tpu/docs/v5e, /v5p and /v6e.
"""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from dmljax.types import UserError, nearest


class Chip(NamedTuple):
    """One chip.

    Attributes:
      flops: bfloat16 operations a second.
      memory: bytes.
      bandwidth: bytes of memory moved a second.
      links: bytes a second in each direction, over all of its links; a slice of few chips uses some of them.
      axes: of the torus in which chips are laid out.
    """

    flops: float
    memory: float
    bandwidth: float
    links: float
    axes: int


GIB = 2**30
CHIPS = {
    "v5e": Chip(197e12, 16 * GIB, 819e9, 200e9, axes=2),
    "v5p": Chip(459e12, 95 * GIB, 2765e9, 600e9, axes=3),
    "v6e": Chip(918e12, 32 * GIB, 1638e9, 400e9, axes=2),
}


class Slice(NamedTuple):
    """Chips in a block.

    Attributes:
      name: of the chip.
      shape: chips along each axis.
    """

    name: str
    shape: tuple[int, ...]

    @property
    def chip(self) -> Chip:
        """The chip's rates."""
        return CHIPS[self.name]

    @property
    def chips(self) -> int:
        """How many there are."""
        return math.prod(self.shape)

    @property
    def topology(self) -> str:
        """As libtpu writes it, 'v5e:4x4'."""
        return f"{self.name}:{'x'.join(map(str, self.shape))}"

    @property
    def host(self) -> tuple[int, int, int]:
        """Chips of one host along each of three axes: at most 2 x 2."""
        x, y = self.shape[:2]
        return min(x, 2), min(y, 2), 1


def slice_of(text: str) -> Slice:
    """A slice by its name: 'v5e:4x4', 'v5p:2x2x1'; a last 1 may be given for v5e and v6e too.

    Raises:
      UserError: no such chip or shape.
    """
    found = re.fullmatch(r"(\w+):(\d+(?:x\d+)+)", text)
    if not found:
        raise UserError(
            f"must be a chip and how many lie along each side, such as v5e:4x4; got '{text}'",
            parameter="compile_for",
        )
    name, shape = found[1], tuple(map(int, found[2].split("x")))
    if name not in CHIPS:
        raise UserError(
            f"knows {', '.join(CHIPS)}; got '{name}'.{nearest(name, CHIPS)}", parameter="compile_for"
        )
    axes = CHIPS[name].axes
    if len(shape) == axes + 1 == 3 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) == axes and not min(shape):
        raise UserError(f"needs a chip along every axis; got '{text}'", parameter="compile_for")
    if len(shape) != axes:
        wanted = {2: "2x2", 3: "2x2x1"}[axes]
        raise UserError(
            f"{name} is laid out along {axes} axes, such as {name}:{wanted}; got '{text}'",
            parameter="compile_for",
        )
    return Slice(name, shape)
