"""Near-duplicates across a split: found by perceptual hash, confirmed on the pixels.

The hash says which of the 63 lowest frequencies of a grey thumbnail lie above their median. Resizing,
compression and brightness change at most 4 of these bits; of different people's faces, photographs or
rendered, the nearest differ in 6.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image

from dmljax import bars
from dmljax.types import Samples

SIDE, FREQUENCIES = 16, 8
BITS_APART = 5  # of 63, at most
GREY_APART = 4.0  # mean difference of the thumbnails, of 255, at most
MOST_COMPARED = 4_000_000_000  # hashes that are compared, at about 10^8 a second
MOST_PAIRS = 1_000_000  # of alike hashes; where there are more, the first
_ROWS = 2_000_000  # hashes compared at a time
# Hashes that differ in at most 5 bits agree in one of 6 parts of them, and only such are compared.
_PARTS = BITS_APART + 1


def thumbnail(pixels: np.ndarray) -> np.ndarray:
    """uint8 [H, W, 3] -> grey uint8 [16, 16]."""
    return np.asarray(Image.fromarray(pixels).convert("L").resize((SIDE, SIDE), Image.Resampling.BOX))


_CELLS = np.arange(SIDE)
# of the DCT-II, [frequency, cell]
_COSINES = np.cos(np.pi * (2 * _CELLS[None] + 1) * np.arange(FREQUENCIES)[:, None] / (2 * SIDE))


def perceptual_hash(pixels: np.ndarray) -> np.uint64:
    """uint8 [H, W, 3] -> 64 bits, the first of them (mean brightness) 0."""
    return perceptual_hashes([pixels])[0]


def perceptual_hashes(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """uint8 [H, W, 3] each -> their hashes, uint64 [N]."""
    thumbnails = np.array([thumbnail(pixels) for pixels in pictures], float).reshape(-1, SIDE, SIDE)
    spectra = (_COSINES @ thumbnails @ _COSINES.T).reshape(-1, FREQUENCIES**2)
    bits = spectra > np.median(spectra[:, 1:], axis=1, keepdims=True)
    bits[:, 0] = False
    return np.packbits(bits, axis=1).view(np.uint64)[:, 0]


def across(
    samples: Samples, one: np.ndarray, other: np.ndarray, load, *, progress: bool = False
) -> list[tuple[int, int]] | None:
    """Pairs (index of `one`, index of `other`) of images that are nearly the same, at most `MOST_PAIRS`; None
    if there is too much to compare.

    Args:
      samples: with hashes.
      one, other: sample indices of the two sides.
      load: (samples, index, side) -> pixels, to confirm a pair.
    """
    if not len(one) or not len(other):
        return []
    if samples.hashes is None:
        raise ValueError(f"{samples.name} has no hashes; read its images first (data.reading.read_all)")
    groups = list(_groups(samples.hashes[one], samples.hashes[other]))
    if sum(len(rows) * len(columns) for rows, columns in groups) > MOST_COMPARED:
        return None
    found = _alike_hashes(samples.hashes[one], samples.hashes[other], groups)
    pairs = np.stack([one[found // len(other)], other[found % len(other)]], -1)
    return _confirmed(samples, pairs, load, progress)


def _groups(one: np.ndarray, other: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Positions in both whose hashes agree in one of the parts, for each part and each of its values."""
    bits = [np.unpackbits(hashes[:, None].view(np.uint8), axis=1)[:, 1:] for hashes in (one, other)]
    for part in range(_PARTS):
        columns = range(part, 63, _PARTS)
        values = [side[:, columns] @ (1 << np.arange(len(columns))) for side in bits]
        order = [np.argsort(side, kind="stable") for side in values]
        both = np.intersect1d(values[0], values[1])
        starts, ends = (
            [np.searchsorted(side[by], edge) for side, by in zip(values, order)] for edge in (both, both + 1)
        )
        for k in range(len(both)):
            mine, theirs = (by[start[k] : end[k]] for by, start, end in zip(order, starts, ends))
            yield mine, theirs


def _alike_hashes(one: np.ndarray, other: np.ndarray, groups) -> np.ndarray:
    """Pairs of hashes that hardly differ, each as position in `one` x length of `other` + position in
    `other`, sorted.
    """
    found, count = [np.empty(0, np.int64)], 0
    for rows, columns in groups:
        step = max(1, _ROWS // len(columns))
        for start in range(0, len(rows), step):
            some = rows[start : start + step]
            apart = np.bitwise_count(one[some, None] ^ other[None, columns])
            a, b = np.nonzero(apart <= BITS_APART)
            found.append(some[a].astype(np.int64) * len(other) + columns[b])
            count += len(a)
            if count >= _PARTS * MOST_PAIRS:  # each pair comes at most once a part
                return np.unique(np.concatenate(found))[:MOST_PAIRS]
    return np.unique(np.concatenate(found))[:MOST_PAIRS]


def _confirmed(samples: Samples, pairs: np.ndarray, load, progress: bool) -> list[tuple[int, int]]:
    """Those whose thumbnails hardly differ; each image is read once."""
    images = np.unique(pairs)

    def small(k: int) -> np.ndarray:
        try:
            return thumbnail(load(samples, int(k), 4 * SIDE)).astype(np.float32)
        except ValueError:  # it cannot be read any more; it is like nothing
            return np.full((SIDE, SIDE), np.inf, np.float32)

    with ThreadPoolExecutor(4) as pool:
        read = pool.map(small, images)
        told = bars.bar(read, total=len(images), desc="near-duplicates", unit="image", show=progress)
        thumbnails = np.array(list(told))
    alike = np.zeros(len(pairs), bool)
    for start in range(0, len(pairs), 10_000):
        a, b = (thumbnails[np.searchsorted(images, side)] for side in pairs[start : start + 10_000].T)
        with np.errstate(invalid="ignore"):
            alike[start : start + 10_000] = np.abs(a - b).mean((1, 2), dtype=np.float64) <= GREY_APART
    return [(int(a), int(b)) for a, b in pairs[alike]]
