"""What devices tell each other in a compiled step, read from XLA's text of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from dmljax.costs.arrays import ARRAYS, size_of

KINDS = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all", "collective-permute")
_ASKED = re.compile(rf" = (.*?) ({'|'.join(KINDS)})(-start)?\((.*?)\)(?:,|$)")
_SIGNALS = ("u32[]", "s32[]")  # by which the end of one that was begun is known
_LISTED = re.compile(r"replica_groups=\{\{([\d,]*)\}")
_COUNTED = re.compile(r"replica_groups=\[\d+,(\d+)\]<=")
_NAME = re.compile(r'op_name="([^"]*)"')


class Collective(NamedTuple):
    """One of them.

    Attributes:
      kind: of `KINDS`.
      bytes: of what one device gets out of it.
      devices: that take part, together.
      name: the path of modules and functions that it comes from, or ''; of several that XLA joined, one's.
    """

    kind: str
    bytes: int
    devices: int
    name: str


def collectives(text: str, devices: int) -> list[Collective]:
    """Those of a compiled program, in its order.

    Args:
      text: of `jax.stages.Compiled.as_text`.
      devices: that the program is for.
    """
    return list(_read(text, devices))


def _read(text: str, devices: int) -> Iterator[Collective]:
    for line in text.splitlines():
        found = _ASKED.search(line)
        if not found:
            continue
        shape, kind, begun, _ = found.groups()
        arrays = [array[0] for array in ARRAYS.finditer(shape) if not array[0].startswith(_SIGNALS)]
        # one that is begun here and ended later holds what goes in and what comes out
        results = arrays[len(arrays) // 2 :] if begun and kind != "all-reduce" else arrays
        size = sum(map(size_of, results))
        name = _NAME.search(line)
        yield Collective(kind, size, _devices(line, devices), name[1] if name else "")


def _devices(line: str, every: int) -> int:
    if found := _LISTED.search(line):
        return len(found[1].split(",")) if found[1] else every
    found = _COUNTED.search(line)
    return int(found[1]) if found else every


def seconds(found: list[Collective], links: float) -> float:
    """Time on the links where each is done in a ring (Patarasuk & Yuan, J. Parallel Distrib. Comput. 69,
    2009).

    Args:
      links: bytes a second in each direction. How long one takes to begin is left out.
    """
    return sum(_share(each.kind, each.devices) * each.bytes for each in found) / links


def _share(kind: str, devices: int) -> float:
    """What goes in and out of a device, in parts of what it gets."""
    if kind == "collective-permute":
        return 1.0
    if kind == "reduce-scatter":  # a device gets one part of n
        return devices - 1.0
    return (2 if kind == "all-reduce" else 1) * (devices - 1) / devices
