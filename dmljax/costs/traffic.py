"""What a compiled program moves to and from a chip's large memory, estimated from XLA's text of it.

XLA's own count takes the operands and results of every instruction, wherever they lie. On a TPU many lie in
the vector memory on the chip, written S(1), to which they are copied ahead; those of the large memory are
what its bandwidth bounds. Where an instruction only slices an array, the slices count; one that writes a part
of an array counts as if it were all.
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
_COMPUTATION = re.compile(r"(%[\w.\-]+) \(.*\{$")
_CALLS = re.compile(r"\bcalls=(%[\w.\-]+)")
_SLICES = ("slice", "dynamic-slice")
_AHEAD = ("copy-start", "slice-start")
_ALL = -1  # of an array that is not only sliced


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
    begin = text.index("\nENTRY")
    sliced = _sliced(text[:begin])
    places: dict[str, str] = {}
    found: dict[str, Moved] = {}
    for line in text[begin:].splitlines():
        read = _INSTRUCTION.match(line)
        if not read:
            continue
        name, shape, kind, operands = read.groups()
        places[name] = shape
        if kind in _NOTHING or kind.endswith("-done") or any(name in line for name in _NAMED):
            continue
        called = _CALLS.search(line)
        parts = sliced.get(called[1], {}) if called else {0: size_of(shape)} if kind in _SLICES else {}
        names = _NAME.findall(operands)
        if kind in _AHEAD:
            size = _copied_ahead(kind, shape, places.get(names[0], ""))
        else:
            size = _in_large_memory(shape) + _read(names, places, parts)
        before = found.get(kind, Moved())
        found[kind] = Moved(before.number + 1, before.bytes + size)
    return dict(sorted(found.items(), key=lambda each: -each[1].bytes))


def _sliced(text: str) -> dict[str, dict[int, int]]:
    """Of computations that fusions call, the bytes of parameters that are sliced and not used otherwise."""
    found: dict[str, dict[int, int]] = {}
    numbers: dict[str, int] = {}  # of the parameters of the present computation
    taken: dict[int, int] = {}
    for line in text.splitlines():
        if begun := _COMPUTATION.match(line):
            numbers, taken = {}, found.setdefault(begun[1], {})
        read = _INSTRUCTION.match(line)
        if not read:
            continue
        name, shape, kind, operands = read.groups()
        if kind == "parameter":
            numbers[name] = int(operands)
            continue
        for place, operand in enumerate(_NAME.findall(operands)):
            number = numbers.get(operand)
            if number is None or taken.get(number) == _ALL:
                continue
            is_sliced = kind in _SLICES and place == 0
            taken[number] = taken.get(number, 0) + size_of(shape) if is_sliced else _ALL
    return {name: {k: size for k, size in taken.items() if size != _ALL} for name, taken in found.items()}


def _read(names: list[str], places: dict[str, str], parts: dict[int, int]) -> int:
    """Bytes that an instruction reads of its operands; of those that it slices, the slices."""
    taken: dict[str, int] = {}
    for place, name in enumerate(names):
        whole = _in_large_memory(places.get(name, ""))
        taken[name] = min(whole, taken.get(name, 0) + parts.get(place, whole))
    return sum(taken.values())


def _copied_ahead(kind: str, shape: str, source: str) -> int:
    # (what is made, the source, a signal) or ((the source), what is made, a signal)
    arrays = list(ARRAYS.finditer(shape))
    made = arrays[0 if kind == "copy-start" else 1][0]
    written = 0 if _ON_CHIP in made else size_of(made)
    return written + (size_of(made) if _in_large_memory(source) else 0)


def _in_large_memory(shape: str) -> int:
    arrays = (found[0] for found in ARRAYS.finditer(shape))
    return sum(size_of(array) for array in arrays if _ON_CHIP not in array)
