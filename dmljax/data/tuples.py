"""Five-tuples (Algorithm 1 of the paper), drawn for a whole epoch at once, on the host.

Each of the four companions of an anchor comes from a pool of one shape, "same outer label, other inner
label":

    pose+  same expression, other pose          id+  same expression, other identity
    pose-  same pose, other expression          id-  same identity, other expression

With the remaining samples sorted by (outer, inner) a pool is a contiguous group without a contiguous run, so
sizes are differences of counts and a uniform draw is one index. An epoch is drawn in rounds: every sample
that could still be an anchor proposes a tuple, a sample that several tuples claim goes to the earliest in the
shuffled order, and tuples that hold all their five are kept. The earliest proposal of a round always wins,
and a sample that cannot be an anchor now never can later, so the rounds end exactly when no further
five-tuple can be formed.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dmljax.types import LABELS, ROLES, TUPLE_SIZE

# Why a sample is in no tuple, in the order in which the conditions are tried.
REASONS = {
    "label": "a label is missing",
    "pose+": "no other pose of the same expression is left",
    "pose-": "no other expression at the same pose is left",
    "id+": "no other identity of the same expression is left",
    "id-": "no other expression of the same identity is left",
    "pose+/id+": "one and the same sample would have to be pose+ and id+",
    "pose-/id-": "one and the same sample would have to be pose- and id-",
}


class Report(NamedTuple):
    """What became of the samples of an epoch.

    Attributes:
      samples: how many there were.
      used: how many are in a tuple.
      left: reason (a key of `REASONS`) -> how many samples could not be placed for it, as anchors, at the
        end.
      examples: reason -> one such sample's index.
    """

    samples: int
    used: int
    left: dict[str, int]
    examples: dict[str, int]

    def __str__(self) -> str:
        text = f"{self.used:,} of {self.samples:,} samples in {self.used // TUPLE_SIZE:,} five-tuples"
        rest = [f"{count:,} x {REASONS[key]}" for key, count in self.left.items()]
        return text + (f"; not placed: {', '.join(rest)}" if rest else "")


def _dense(codes: np.ndarray) -> np.ndarray:
    """The same classes numbered 0, 1, ... in their order, int32; by counting, where there is room for it."""
    top = int(codes.max(initial=0)) + 1
    if top > 4 * len(codes) + 1024:
        return np.unique(codes, return_inverse=True)[1].astype(np.int32)
    number = np.cumsum(np.bincount(codes, minlength=top) > 0, dtype=np.int32) - 1
    return number[codes]


def _pairs(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """A dense class for each pair of classes, in the order of (one, other)."""
    return _dense(one.astype(np.int64) * (int(other.max(initial=0)) + 1) + other)


def _sorted(codes: np.ndarray) -> np.ndarray:
    """np.argsort(codes, kind='stable') of classes from 0 on, int32; by 16 bits at a time, which NumPy sorts
    in one pass each.
    """
    order = np.argsort(codes.astype(np.uint16), kind="stable")
    if int(codes.max(initial=0)) >> 16:
        order = order[np.argsort((codes >> 16).astype(np.uint16)[order], kind="stable")]
    return order.astype(np.int32)


class _Pool:
    """For every sample: the samples with the same outer and another inner label."""

    def __init__(self, outer: np.ndarray, inner: np.ndarray):
        self.outer, self.cell = outer, _pairs(outer, inner)
        self.order = _sorted(self.cell)  # by (outer, inner)
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
        member = None
        if avoid is not None:
            cell_avoided = self.cell[avoid]
            member = (self.outer_of[cell_avoided] == outer) & (cell_avoided != cell)
            size -= member
        rank = np.minimum((uniform * size).astype(np.int32), size - 1)
        if avoid is not None:
            # The rank of the avoided sample among the candidates; draws from there on move up by one.
            place = self.position[avoid]
            rank += member & (rank >= place - start - np.where(place > run, skip, 0))
        position = start + rank
        position += np.where(position >= run, skip, 0)
        return self.order[position]


class _Remaining:
    """The samples not yet placed, in shuffled order, with the four pools over them."""

    def __init__(self, expression: np.ndarray, pose: np.ndarray, identity: np.ndarray, number: np.ndarray):
        self.number = number  # index of each remaining sample in the caller's arrays
        self.pools = {
            "pose+": _Pool(expression, pose),
            "pose-": _Pool(pose, expression),
            "id+": _Pool(expression, identity),
            "id-": _Pool(identity, expression),
        }
        self.same_pose_identity = _pairs(pose, identity)
        self.same_all = _pairs(self.pools["pose+"].cell, identity)

    def keep(self, keep: np.ndarray) -> None:
        self.number = self.number[keep]
        self.same_pose_identity, self.same_all = self.same_pose_identity[keep], self.same_all[keep]
        number = np.cumsum(keep, dtype=np.int32) - 1
        for pool in self.pools.values():
            pool.keep(keep, number)

    def obstacles(self) -> dict[str, np.ndarray]:
        """reason -> bool [n]: the sample cannot be an anchor for this reason. None holds: it can."""
        self.size = size = {role: pool.size for role, pool in self.pools.items()}
        found = {role: size[role] == 0 for role in ROLES[1:]}
        alike = np.bincount(self.same_all)[self.same_all]
        # pose+ and id+ must differ: their pools together are the expression without (same pose and same
        # identity).
        expression_size = self.pools["pose+"].outer_size[self.pools["pose+"].outer]
        found["pose+/id+"] = expression_size - alike < 2
        # pose- and id-: |B or D| = |B| + |D| - |same pose, same identity, other expression|.
        both = np.bincount(self.same_pose_identity)[self.same_pose_identity] - alike
        found["pose-/id-"] = size["pose-"] + size["id-"] - both < 2
        return found

    def propose(self, anchors: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """A tuple of five different samples for each feasible anchor, int32 [A, 5]; after `obstacles`."""
        uniform = rng.random((4, len(anchors)))
        columns = {"anchor": anchors}
        for first, second, (u, v) in (("pose+", "id+", uniform[:2]), ("pose-", "id-", uniform[2:])):
            columns[first], columns[second] = self._pair(first, second, anchors, u, v)
        return np.stack([columns[role] for role in ROLES], axis=1)

    def _pair(self, first: str, second: str, anchors, u, v) -> tuple[np.ndarray, np.ndarray]:
        """Two different samples from two overlapping pools.

        The smaller pool draws first and the larger one avoids what it drew; so whenever two different samples
        exist, two are found.
        """
        one, other = self.pools[first], self.pools[second]
        leads = (self.size[first] <= self.size[second])[anchors]
        drawn = np.empty((2, len(anchors)), np.int32)
        for mask, (lead, row), (follow, row_b) in (
            (leads, (one, 0), (other, 1)),
            (~leads, (other, 1), (one, 0)),
        ):
            chosen = anchors[mask]
            drawn[row, mask] = lead.draw(chosen, u[mask], None)
            drawn[row_b, mask] = follow.draw(chosen, v[mask], drawn[row, mask])
        return drawn[0], drawn[1]


def _labels(expression, pose, identity) -> list[np.ndarray]:
    labels = [np.asarray(a) for a in (expression, pose, identity)]
    for name, a in zip(LABELS, labels):
        if a.ndim != 1 or len(a) != len(labels[0]) or not np.issubdtype(a.dtype, np.integer):
            raise ValueError(
                f"{name} must be an integer array [S] like the other labels; got {a.dtype} {a.shape}, "
                f"expression has {labels[0].shape}"
            )
    return labels


def _compete(claims: np.ndarray, samples: int) -> np.ndarray:
    """bool [A]: tuples (rows, by priority) that hold all their five samples against every earlier row."""
    rank = np.arange(len(claims), dtype=np.int32)
    holder = np.full(samples, len(claims), np.int32)
    np.minimum.at(holder, claims.ravel(), np.repeat(rank, TUPLE_SIZE))
    return (holder[claims] == rank[:, None]).all(axis=1)


def draw_epoch(expression, pose, identity, *, seed: int, epoch: int = 0) -> tuple[np.ndarray, Report]:
    """Five-tuples of one epoch, and what became of every sample.

    Args:
      expression, pose, identity: integer class of each sample, [S]; negative where missing (never in a
        tuple).
      seed, epoch: non-negative integers that alone determine the result.

    Returns:
      (tuples, report). The tuples are sample indices, int32 [N, 5], columns as in `types.ROLES`. In every row
      the five are different and keep their conditions; no sample is in two rows; no further five-tuple can be
      formed from the samples left. The report says how many samples were used, and why the rest could not be
      placed.

    Raises:
      ValueError: the labels are not integer arrays of one length.
    """
    labels = _labels(expression, pose, identity)
    samples = len(labels[0])
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, epoch])))
    known = np.all([a >= 0 for a in labels], axis=0)
    number = rng.permutation(np.flatnonzero(known).astype(np.int32))
    codes = [_dense(a[number]) for a in labels]
    rest = _Remaining(codes[0], codes[1], codes[2], number)
    tuples = [np.empty((0, TUPLE_SIZE), np.int32)]
    while True:
        obstacles = rest.obstacles()
        anchors = np.flatnonzero(~np.any(list(obstacles.values()), axis=0)).astype(np.int32)
        if not len(anchors):
            break
        claims = rest.propose(anchors, rng)
        won = claims[_compete(claims, len(rest.number))]
        tuples.append(rest.number[won])
        keep = np.ones(len(rest.number), bool)
        keep[won.ravel()] = False
        rest.keep(keep)
    # Later rounds hold the scarcer samples; shuffled, every part of the epoch looks alike.
    result = rng.permutation(np.concatenate(tuples))
    return result, _report(samples, known, rest, obstacles, result)


def _report(samples, known, rest, obstacles, tuples) -> Report:
    left, examples = {}, {}
    unknown = np.flatnonzero(~known)
    if len(unknown):
        left["label"], examples["label"] = len(unknown), int(unknown[0])
    told = np.zeros(len(rest.number), bool)
    for reason, holds in obstacles.items():
        new = np.flatnonzero(holds & ~told)
        told |= holds
        if len(new):
            left[reason], examples[reason] = len(new), int(rest.number[new].min())
    return Report(samples, tuples.size, left, examples)


def five_tuples(expression, pose, identity, *, seed: int, epoch: int = 0) -> np.ndarray:
    """Five-tuples of one epoch (Algorithm 1): anchor, pose+, pose-, id+, id-; no sample is in two of them.

    Exact: none is left that could still be formed. The same labels, seed and epoch give the same tuples.

    Args:
      expression, pose, identity: class of each sample, int [S]; negative where not known.
      seed, epoch: integers of at least 0 that determine the order.

    Returns:
      indices of samples, int32 [N, 5]; `draw_epoch` also returns what was left and why.

    Raises:
      ValueError: label arrays of unlike lengths, or that are no integers.

    Example:
      >>> import numpy as np
      >>> grid = np.array([(e, p, i) for e in range(2) for p in range(2) for i in range(5)]).T
      >>> tuples = five_tuples(*grid, seed=0)
      >>> tuples.shape[1], len(np.unique(tuples)) == tuples.size
      (5, True)
      >>> expression, pose, identity = (labels[tuples] for labels in grid)
      >>> bool((expression[:, 0] == expression[:, 1]).all() and (pose[:, 0] != pose[:, 1]).all())
      True
    """
    return draw_epoch(expression, pose, identity, seed=seed, epoch=epoch)[0]
