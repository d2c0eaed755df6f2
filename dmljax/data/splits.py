"""Who trains and who tests: never the same person on both sides."""
from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dmljax.types import MISSING, Samples, UserError


class Split(NamedTuple):
    """Sample indices, int [.] each, sorted and disjoint; `train` and `test` share no identity, nor does `validation`."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def by_identity(identity, *, folds: int, seed: int = 0) -> list[tuple[np.ndarray, np.ndarray]]:
    """Folds whose identities are disjoint.

    Identities are shuffled, then the largest first go to the fold with the fewest samples so far. Samples without an
    identity (negative) are in no test part and in every train part.

    Args:
      identity: integer identity of each sample, [S].
      folds: number of folds, at least 2.

    Returns:
      folds x (train indices, test indices); every sample with an identity is in exactly one test part.

    Raises:
      UserError: fewer identities than folds.
    """
    identity = np.asarray(identity)
    people, counts = np.unique(identity[identity >= 0], return_counts=True)
    if folds < 2 or len(people) < folds:
        raise UserError(
            f"{folds} folds by identity need at least 2 folds and as many identities as folds; there are {len(people)} "
            "identities: change split.folds, or bring more people"
        )
    rng = np.random.default_rng(np.random.SeedSequence([seed, folds]))
    shuffled = rng.permutation(len(people))
    ranked = shuffled[np.argsort(-counts[shuffled], kind="stable")]
    fold_of, load = np.empty(len(people), int), np.zeros(folds, int)
    for person in ranked:
        fold_of[person] = np.argmin(load)
        load[fold_of[person]] += counts[person]
    fold = np.full(len(identity), MISSING)
    known = identity >= 0
    fold[known] = fold_of[np.searchsorted(people, identity[known])]
    return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(folds)]


def _holdout(identity: np.ndarray, fraction: float, seed: int, field: str) -> tuple[np.ndarray, np.ndarray]:
    """(kept, held out): whole identities that hold about `fraction` of them, at least one on either side."""
    people = np.unique(identity[identity >= 0])
    count = max(1, round(fraction * len(people)))
    if not 0 < fraction < 1 or count >= len(people):
        raise UserError(f"{field}={fraction} of {len(people)} identities leaves nobody on one side; choose a fraction between 0 and 1")
    chosen = np.random.default_rng(np.random.SeedSequence([seed, 7])).permutation(people)[:count]
    out = np.isin(identity, chosen)
    return np.flatnonzero(~out), np.flatnonzero(out)


def make(samples: Samples, *, kind: str, folds: int, fold: int, test: float, validation: float, seed: int) -> Split:
    """The split that the configuration asks for.

    Args:
      kind: 'folds' (fold number `fold` of `folds` tests), 'fraction' (the share `test` of the identities tests), or
        'given' (the set's official partition).
      validation: share of the training identities held out to choose the best checkpoint; 0 holds out none.

    Raises:
      UserError: an unknown kind, too few identities, or a person on both sides of a given partition.
    """
    identity = np.asarray(samples.identity)
    if kind == "folds":
        if not 0 <= fold < folds:
            raise UserError(f"split.fold must be from 0 to {folds - 1} (split.folds={folds}), got {fold}")
        train, out = by_identity(identity, folds=folds, seed=seed)[fold]
    elif kind == "fraction":
        train, out = _holdout(identity, test, seed, "split.test")
    elif kind == "given":
        train, out = _given(samples)
    else:
        raise UserError(f"split.kind must be folds, fraction or given, got '{kind}'")
    held = np.empty(0, int)
    if validation > 0:
        kept, held = _holdout(identity[train], validation, seed, "split.validation")
        train, held = train[kept], train[held]
    return Split(train, held, out)


def _given(samples: Samples) -> tuple[np.ndarray, np.ndarray]:
    if samples.partition is None:
        raise UserError(f"split.kind=given: {samples.name} has no official split; use folds or fraction, or give a split column")
    sides = [np.flatnonzero(samples.partition == side) for side in (0, 1)]
    if not all(len(side) for side in sides):
        raise UserError(f"split.kind=given: {len(sides[0])} train and {len(sides[1])} test samples; both are needed")
    both = np.intersect1d(*(samples.identity[side] for side in sides))
    both = both[both >= 0]
    if len(both):
        raise UserError(
            f"split.kind=given: {len(both)} people are on both sides, e.g. '{samples.identity_names[both[0]]}'; "
            "a person must be in one part only"
        )
    return sides[0], sides[1]
