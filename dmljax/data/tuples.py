"""Five-tuples (Algorithm 1 of the paper), drawn for a whole epoch at once, on the host.

Each of the four companions of an anchor comes from a pool of one shape, "same outer label, other inner
label":

    pose+  same expression, other pose          id+  same expression, other identity
    pose-  same pose, other expression          id-  same identity, other expression

`pools` draws from them. An epoch is drawn in rounds: the first samples in the shuffled order that could still
be anchors propose a tuple each, a sample that several tuples claim goes to the earliest, and tuples that hold
all their five are kept. The earliest proposal of a round always wins, and a sample that cannot be an anchor
now never can later, so the rounds end exactly when no further five-tuple can be formed.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dmljax.data import pools
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


# Of n samples, one in so many proposes in a round. The k-th proposal holds its five against all earlier ones
# with a probability near exp(-25 k / n), so n / 8 of them keep 96 % of what n would.
_ONE_IN = 8


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


class _Remaining:
    """The samples not yet placed, in shuffled order, with the four pools over them."""

    def __init__(self, expression: np.ndarray, pose: np.ndarray, identity: np.ndarray, number: np.ndarray):
        self.number = number  # index of each remaining sample in the caller's arrays
        self.pools = {
            "pose+": pools.Pool(expression, pose),
            "pose-": pools.Pool(pose, expression),
            "id+": pools.Pool(expression, identity),
            "id-": pools.Pool(identity, expression),
        }
        self.same_pose_identity = pools.pairs(pose, identity)
        self.same_all = pools.pairs(self.pools["pose+"].cell, identity)

    def anchors(self, obstacles: dict[str, np.ndarray]) -> np.ndarray:
        """The samples that can be an anchor, int32 [A]."""
        return np.flatnonzero(~np.any(list(obstacles.values()), axis=0)).astype(np.int32)

    def keep(self, keep: np.ndarray) -> None:
        self.number = self.number[keep]
        self.same_pose_identity, self.same_all = self.same_pose_identity[keep], self.same_all[keep]
        number = np.cumsum(keep, dtype=np.int32) - 1
        for pool in self.pools.values():
            pool.keep(keep, number)

    def sizes(self) -> dict[str, np.ndarray]:
        """role -> how many candidates each sample has for it, int32 [n]."""
        return {role: pool.size for role, pool in self.pools.items()}

    def obstacles(self, size: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """reason -> bool [n]: the sample cannot be an anchor for this reason. None holds: it can."""
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

    def propose(
        self, anchors: np.ndarray, size: dict[str, np.ndarray], rng: np.random.Generator
    ) -> np.ndarray:
        """A tuple of five different samples for each feasible anchor, int32 [A, 5]."""
        uniform = rng.random((4, len(anchors)))
        columns = {"anchor": anchors}
        for first, second, (u, v) in (("pose+", "id+", uniform[:2]), ("pose-", "id-", uniform[2:])):
            columns[first], columns[second] = self._pair(first, second, anchors, size, u, v)
        return np.stack([columns[role] for role in ROLES], axis=1)

    def _pair(self, first: str, second: str, anchors, size, u, v) -> tuple[np.ndarray, np.ndarray]:
        """Two different samples from two overlapping pools.

        The smaller pool draws first and the larger one avoids what it drew; so whenever two different samples
        exist, two are found.
        """
        one, other = self.pools[first], self.pools[second]
        leads = (size[first] <= size[second])[anchors]
        drawn = np.empty((2, len(anchors)), np.int32)
        for mask, (lead, row), (follow, row_b) in (
            (leads, (one, 0), (other, 1)),
            (~leads, (other, 1), (one, 0)),
        ):
            chosen = anchors[mask]
            drawn[row, mask] = lead.draw(chosen, u[mask], None)
            drawn[row_b, mask] = follow.draw(chosen, v[mask], drawn[row, mask])
        return drawn[0], drawn[1]


def _remaining(labels: list[np.ndarray], number: np.ndarray) -> _Remaining:
    """All of `number`, samples of known labels."""
    expression, pose, identity = (pools.dense(a[number]) for a in labels)
    return _Remaining(expression, pose, identity, number)


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


def possible(expression, pose, identity) -> bool:
    """Whether any five-tuple can be formed; labels as of `draw_epoch`."""
    labels = _labels(expression, pose, identity)
    known = np.flatnonzero(np.all([a >= 0 for a in labels], axis=0)).astype(np.int32)
    rest = _remaining(labels, known)
    return len(rest.anchors(rest.obstacles(rest.sizes()))) > 0


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
    rest = _remaining(labels, number)
    tuples = [np.empty((0, TUPLE_SIZE), np.int32)]
    while True:
        size = rest.sizes()
        obstacles = rest.obstacles(size)
        anchors = rest.anchors(obstacles)
        if not len(anchors):
            break
        claims = rest.propose(anchors[: -(-len(rest.number) // _ONE_IN)], size, rng)
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
