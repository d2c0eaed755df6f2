"""Near-duplicates across a split: found by perceptual hash, confirmed on the pixels.

The hash says which of the 63 lowest frequencies of a grey thumbnail lie above their median. Resizing,
compression and brightness change at most 4 of these bits; of different people's faces, photographs or
rendered, the nearest differ in 6.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from dmljax.types import Samples

SIDE, FREQUENCIES = 16, 8
BITS_APART = 5  # of 63, at most
GREY_APART = 4.0  # mean difference of the thumbnails, of 255, at most
MOST_PAIRS = 4_000_000_000  # compared at about 10^8 a second
_ROWS = 2_000_000  # pairs at a time


def thumbnail(pixels: np.ndarray) -> np.ndarray:
    """uint8 [H, W, 3] -> grey uint8 [16, 16]."""
    return np.asarray(Image.fromarray(pixels).convert("L").resize((SIDE, SIDE), Image.Resampling.BOX))


_CELLS = np.arange(SIDE)
# of the DCT-II, [frequency, cell]
_COSINES = np.cos(np.pi * (2 * _CELLS[None] + 1) * np.arange(FREQUENCIES)[:, None] / (2 * SIDE))


def perceptual_hash(pixels: np.ndarray) -> np.uint64:
    """uint8 [H, W, 3] -> 64 bits, the first of them (mean brightness) 0."""
    spectrum = (_COSINES @ thumbnail(pixels).astype(float) @ _COSINES.T).ravel()
    bits = spectrum > np.median(spectrum[1:])
    bits[0] = False
    return np.packbits(bits).view(np.uint64)[0]


def across(samples: Samples, one: np.ndarray, other: np.ndarray, load) -> list[tuple[int, int]] | None:
    """Pairs (index of `one`, index of `other`) of images that are nearly the same; None if there are too many
    pairs to look at.

    Args:
      samples: with hashes.
      one, other: sample indices of the two sides.
      load: (samples, index, side) -> pixels, to confirm a pair.
    """
    if len(one) * len(other) > MOST_PAIRS:
        return None
    if samples.hashes is None:
        raise ValueError(f"{samples.name} has no hashes; read its images first (data.images.read_all)")
    found = []
    chunk = max(1, _ROWS // max(len(other), 1))
    for start in range(0, len(one), chunk):
        rows = one[start : start + chunk]
        apart = np.bitwise_count(samples.hashes[rows, None] ^ samples.hashes[None, other])
        found += [(int(rows[a]), int(other[b])) for a, b in zip(*np.nonzero(apart <= BITS_APART))]
    return [pair for pair in found if _alike(*(load(samples, k, 4 * SIDE) for k in pair))]


def _alike(a: np.ndarray, b: np.ndarray) -> bool:
    return float(np.abs(thumbnail(a).astype(float) - thumbnail(b)).mean()) <= GREY_APART
