"""Arrays as XLA writes them: bf16[30,56,56,64]{3,0,2,1:T(8,128)(2,1)S(1)}."""

from __future__ import annotations

import math
import re

ARRAYS = re.compile(r"\b(pred|bf16|[fsuc]\d\w*)\[([\d,]*)\](\{[^}]*\})?")
_BITS = re.compile(r"\d+")  # the first number in a type's name; truth values, which have none, take eight


def size_of(array: str) -> int:
    """Bytes of an array, without what tiles add to it."""
    found = ARRAYS.match(array)
    if not found:
        raise ValueError(f"must be an array such as f32[2,3]; got '{array}'")
    kind, lengths = found[1], [int(length) for length in found[2].split(",") if length]
    bits = _BITS.search(kind)
    return math.prod(lengths) * (int(bits[0]) if bits else 8) // 8
