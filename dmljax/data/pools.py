"""Groups of samples with the same outer and another inner label, and draws from them, by counting.

With the samples sorted by (outer, inner) such a group is a contiguous stretch without a contiguous run: its
size is a difference of counts, and a uniform draw is one index.
"""

from __future__ import annotations

import numpy as np


def dense(codes: np.ndarray) -> np.ndarray:
    """The same classes numbered 0, 1, ... in their order, int32; by counting, where there is room for it."""
    top = int(codes.max(initial=0)) + 1
    if top > 4 * len(codes) + 1024:
        return np.unique(codes, return_inverse=True)[1].astype(np.int32)
    number = np.cumsum(np.bincount(codes, minlength=top) > 0, dtype=np.int32) - 1
    return number[codes]


def pairs(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """A dense class for each pair of classes, in the order of (one, other)."""
    return dense(one.astype(np.int64) * (int(other.max(initial=0)) + 1) + other)


def stable_order(codes: np.ndarray) -> np.ndarray:
    """np.argsort(codes, kind='stable') of classes from 0 on, int32; by 16 bits at a time, which NumPy sorts
    in one pass each.
    """
    order = np.argsort(codes.astype(np.uint16), kind="stable")
    if int(codes.max(initial=0)) >> 16:
        order = order[np.argsort((codes >> 16).astype(np.uint16)[order], kind="stable")]
    return order.astype(np.int32)


class Pool:
    """For every sample: the samples with the same outer and another inner label."""

    def __init__(self, outer: np.ndarray, inner: np.ndarray):
        self.outer, self.cell = outer, pairs(outer, inner)
        self.order = stable_order(self.cell)  # by (outer, inner)
        self._count()

    def _count(self) -> None:
        counts = lambda codes: np.bincount(codes).astype(np.int32)
        before = lambda sizes: np.cumsum(sizes, dtype=np.int32) - sizes
        self.outer_size, self.cell_size = counts(self.outer), counts(self.cell)
        self.outer_start, self.cell_start = before(self.outer_size), before(self.cell_size)
        self.outer_of = np.zeros_like(self.cell_size)  # of each cell
        self.outer_of[self.cell] = self.outer
        self.position = np.empty_like(self.order)  # of each sample in `order`
        self.position[self.order] = np.arange(len(self.order), dtype=np.int32)

    def keep(self, keep: np.ndarray, number: np.ndarray) -> None:
        """Only the samples of a boolean mask, with new numbers."""
        self.order = number[self.order[keep[self.order]]]
        self.outer, self.cell = self.outer[keep], self.cell[keep]
        self._count()

    @property
    def size(self) -> np.ndarray:
        """How many candidates each sample has."""
        return self.outer_size[self.outer] - self.cell_size[self.cell]

    def draw(self, anchors: np.ndarray, uniform: np.ndarray, avoid: np.ndarray | None) -> np.ndarray:
        """One candidate for each anchor, uniformly; `avoid` are samples that must not be drawn."""
        outer, cell = self.outer[anchors], self.cell[anchors]
        start, run, skip = self.outer_start[outer], self.cell_start[cell], self.cell_size[cell]
        size = self.outer_size[outer] - skip
        if avoid is None:
            rank = np.minimum((uniform * size).astype(np.int32), size - 1)
        else:
            cell_avoided, place = self.cell[avoid], self.position[avoid]
            member = (self.outer_of[cell_avoided] == outer) & (cell_avoided != cell)
            size -= member
            rank = np.minimum((uniform * size).astype(np.int32), size - 1)
            # The rank of the avoided sample among the candidates; draws from there on move up by one.
            rank += member & (rank >= place - start - np.where(place > run, skip, 0))
        position = start + rank
        position += np.where(position >= run, skip, 0)
        return self.order[position]
