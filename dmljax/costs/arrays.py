"""Arrays as XLA writes them: bf16[30,56,56,64]{3,0,2,1:T(8,128)(2,1)S(1)}."""

from __future__ import annotations

import math
import re

ARRAYS = re.compile(r"\b(pred|bf16|[fsu]\d+)\[([\d,]*)\](\{[^}]*\})?")
_BITS = {"pred": 8, "bf16": 16}  # of others the number in the name


def size_of(array: str) -> int:
    """Bytes of an array, without what tiles add to it."""
    found = ARRAYS.match(array)
    if not found:
        raise ValueError(f"must be an array such as f32[2,3]; got '{array}'")
    kind, lengths = found[1], [int(length) for length in found[2].split(",") if length]
    return math.prod(lengths) * _BITS.get(kind, int(re.sub(r"\D", "", kind) or 8)) // 8
