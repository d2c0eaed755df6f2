"""Slices of TPUs and GPUs of one machine by name, and the rates that their makers publish.

Rates of one chip as of November 2026: https://cloud.google.com/tpu/docs/v5e, /v5p and /v6e;
https://www.nvidia.com/en-us/data-center/a100, /h100 and /h200, of the SXM boards, without sparsity.
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
      axes: of the torus in which chips are laid out; 1 of GPUs, which all reach each other.
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
    "a100": Chip(312e12, 85_100_068_864, 2039e9, 300e9, axes=1),
    "h100": Chip(989e12, 84_942_979_072, 3352e9, 450e9, axes=1),
    "h200": Chip(989e12, 151_397_597_184, 4800e9, 450e9, axes=1),
}
GPUS = ("a100", "h100", "h200")
OF_ONE_MACHINE = 8  # GPUs that NVLink joins; between machines it depends on the network
_EXAMPLE = {1: "8", 2: "2x2", 3: "2x2x1"}


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
        """'v5e:4x4', as libtpu writes it too; 'h100:8'."""
        return f"{self.name}:{'x'.join(map(str, self.shape))}"


def slice_of(text: str) -> Slice:
    """A slice by its name: 'v5e:4x4', 'v5p:2x2x1', 'h100:8'; a last 1 may be given for v5e and v6e too.

    Raises:
      UserError: no such chip or shape.
    """
    found = re.fullmatch(r"(\w+):(\d+(?:x\d+)*)", text)
    if not found:
        raise UserError(
            f"must be a chip and how many lie along each side, such as v5e:4x4 or h100:8; got '{text}'",
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
        laid = f"along {axes} axes" if axes > 1 else "in a row"
        raise UserError(
            f"{name} is laid out {laid}, such as {name}:{_EXAMPLE[axes]}; got '{text}'",
            parameter="compile_for",
        )
    if name in GPUS and shape[0] > OF_ONE_MACHINE:
        raise UserError(
            f"takes at most {OF_ONE_MACHINE} GPUs, those of one machine; got '{text}'",
            parameter="compile_for",
        )
    return Slice(name, shape)
