"""What a compiled program moves to and from a TPU's large memory, estimated from XLA's text of it.

XLA's own count takes the operands and results of every instruction, wherever they lie. On a TPU many lie in
the vector memory on the chip, written S(1), to which they are copied ahead; those of the large memory are
what its bandwidth bounds. An instruction that reads or writes a part of an array counts as if it were all.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from dmljax.costs.arrays import ARRAYS, size_of

_INSTRUCTION = re.compile(r"\s+(?:ROOT )?(%[\w.\-]+) = (.*?) ([a-z][\w\-]*)\((.*?)\)(?:,|$)")
_NAME = re.compile(r"%[\w.\-]+")
# What names memory, or waits for what another began.
_NOTHING = {"parameter", "constant", "tuple", "get-tuple-element", "bitcast", "after-all", "opt-barrier"}
_NAMED = ('custom_call_target="ConcatBitcast"', 'custom_call_target="AllocateBuffer"')
_ON_CHIP = "S("  # any memory but the large one


class Moved(NamedTuple):
    """Bytes of one kind of instruction.

    Attributes:
      number: of the instructions.
      bytes: from and to the large memory.
    """

    number: int = 0
    bytes: int = 0


def traffic(text: str) -> dict[str, Moved]:
    """Bytes by kind of instruction, the most first; loops and branches count as one instruction.

    Args:
      text: of `jax.stages.Compiled.as_text`, scheduled, with memory spaces.
    """
    places: dict[str, str] = {}
    found: dict[str, Moved] = {}
    for line in text[text.index("\nENTRY") :].splitlines():
        read = _INSTRUCTION.match(line)
        if not read:
            continue
        name, shape, kind, operands = read.groups()
        places[name] = shape
        if kind in _NOTHING or kind.endswith("-done") or any(name in line for name in _NAMED):
            continue
        read_from = [places.get(operand, "") for operand in dict.fromkeys(_NAME.findall(operands))]
        before = found.get(kind, Moved())
        found[kind] = Moved(before.number + 1, before.bytes + _moved(kind, shape, read_from))
    return dict(sorted(found.items(), key=lambda each: -each[1].bytes))


def _moved(kind: str, shape: str, operands: list[str]) -> int:
    if kind not in ("copy-start", "slice-start"):
        return sum(map(_in_large_memory, [shape, *operands]))
    # (what is made, the source, a signal) or ((the source), what is made, a signal)
    arrays = list(ARRAYS.finditer(shape))
    made = arrays[0 if kind == "copy-start" else 1][0]
    written = 0 if _ON_CHIP in made else size_of(made)
    return written + (size_of(made) if _in_large_memory(operands[0]) else 0)


def _in_large_memory(shape: str) -> int:
    arrays = (found[0] for found in ARRAYS.finditer(shape))
    return sum(size_of(array) for array in arrays if _ON_CHIP not in array)
