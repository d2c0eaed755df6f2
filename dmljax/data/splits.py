"""Who trains and who tests: never the same person on both sides, where it is known who is who."""

from __future__ import annotations

from functools import partial

import numpy as np

from dmljax.data import correlated, image_splits
from dmljax.data.sides import Split, checked, listed
from dmljax.types import MISSING, Samples, UserError

KINDS = ("folds", "fraction", "images", "given", "paper", "list")
BY_PERSON = ("folds", "fraction")  # kinds that ask who is who
DRAWS = 64  # of people to hold out, of which the best stratified is taken


def by_identity(identity, *, folds: int, seed: int = 0, strata=None) -> list[tuple[np.ndarray, np.ndarray]]:
    """Folds whose identities are disjoint.

    Identities are shuffled, then the largest first go to the fold that has the least of what they bring: the
    fewest samples so far or, with strata, the fewest samples of their strata. Samples without an identity
    (negative) are in no test part and in every train part.

    Args:
      identity: integer identity of each sample, [S].
      folds: number of folds, at least 2.
      strata: integer class of each sample that is to be alike in all folds, [S]; None: the number of samples
        alone.

    Returns:
      folds x (train indices, test indices); every sample with an identity is in exactly one test part.

    Raises:
      UserError: fewer identities than folds.
    """
    identity = np.asarray(identity)
    people, brings = _brings(identity, strata)
    if folds < 2 or len(people) < folds:
        raise UserError(
            f"{folds} folds by identity need at least 2 folds and as many identities as folds; there are"
            f" {len(people)} identities: change split.folds, or bring more people"
        )
    rng = np.random.default_rng(np.random.SeedSequence([seed, folds]))
    shuffled = rng.permutation(len(people))
    ranked = shuffled[np.argsort(-brings.sum(1)[shuffled], kind="stable")]
    fold_of, load = np.empty(len(people), int), np.zeros((folds, brings.shape[1]))
    share = 1 / np.maximum(brings.sum(0), 1)
    for person in ranked:
        fold_of[person] = np.lexsort((load.sum(1), (load * share * brings[person]).sum(1).round(9)))[0]
        load[fold_of[person]] += brings[person]
    fold = np.full(len(identity), MISSING)
    known = identity >= 0
    fold[known] = fold_of[np.searchsorted(people, identity[known])]
    return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(folds)]


def _brings(identity: np.ndarray, strata) -> tuple[np.ndarray, np.ndarray]:
    """(identities, samples of each in each stratum, [people, strata])."""
    known = identity >= 0
    people, row = np.unique(identity[known], return_inverse=True)
    classes, column = np.unique(
        np.zeros(known.sum(), int) if strata is None else np.asarray(strata)[known], return_inverse=True
    )
    brings = np.zeros((len(people), max(len(classes), 1)))
    np.add.at(brings, (row, column), 1)
    return people, brings


def _holdout(
    identity: np.ndarray, count: int, seed: int, field: str, strata=None
) -> tuple[np.ndarray, np.ndarray]:
    """(kept, held out): `count` whole identities held out; of many draws the one whose strata are most like
    the whole.
    """
    people, brings = _brings(identity, strata)
    if not 0 < count < len(people):
        raise UserError(
            f"{field} would hold out {count} of {len(people)} identities, which leaves nobody on one side;"
            " choose another value"
        )
    rng = np.random.default_rng(np.random.SeedSequence([seed, 7]))
    draws = [rng.permutation(len(people))[:count] for _ in range(1 if strata is None else DRAWS)]
    expected = brings.sum(0) * count / len(people)
    unlike = [
        (((brings[chosen].sum(0) - expected) ** 2) / np.maximum(expected, 1e-9)).sum() for chosen in draws
    ]
    out = np.isin(identity, people[draws[int(np.argmin(np.round(unlike, 9)))]])
    return np.flatnonzero(~out), np.flatnonzero(out)


def _share(fraction: float, identity: np.ndarray, field: str) -> int:
    if not 0 < fraction < 1:
        raise UserError(f"{field} is a share of the identities between 0 and 1, got {fraction}")
    return max(1, round(fraction * len(np.unique(identity[identity >= 0]))))


def make(samples: Samples, *, shown: int = 0, correlation: float = 0.0, poses_of: str = "", **who) -> Split:
    """The split that the configuration asks for: who is on which side, and which images train.

    Args:
      shown, correlation, poses_of: fewer images to train and choose by, see `correlated.chosen`; who tests is
        tested on all.
      who: see `sides`.

    Raises:
      UserError: as of `sides`; or images that cannot be chosen so.
    """
    found = sides(samples, **who)
    thin = partial(
        correlated.chosen, samples, shown=shown, correlation=correlation, text=poses_of, seed=who["seed"]
    )
    return Split(thin(found.train), thin(found.validation), found.test)


def sides(
    samples: Samples,
    *,
    kind: str,
    folds: int,
    fold: int,
    test: float,
    validation: float,
    seed: int,
    file: str = "",
    stratify: bool = False,
) -> Split:
    """Who is on which side.

    Args:
      kind: 'folds' (fold number `fold` of `folds` tests), 'fraction' (the share `test` of the identities
        tests), 'images' (folds of images, whoever is on them), 'given' (the set's official partition),
        'paper' (as many people test as in the paper), or 'list' (what `file` says). Where nobody is known it
        is what `possible` says.
      validation: share of the training identities held out to choose the best checkpoint; 0 holds out none.
        Where nobody is known, of the images.
      file: `split.json` of a run, or a text file with the name of a test person a line.
      stratify: choose people so that expressions x poses are alike on both sides, as far as people allow.

    Raises:
      UserError: an unknown kind, too few identities, or a person on both sides.
    """
    by_image, kind, asked = nobody(samples) or kind == "images", possible(samples, kind), kind
    identity = np.asarray(samples.identity)
    strata = (
        samples.expression.astype(int) * (len(samples.pose_names) + 1) + samples.pose if stratify else None
    )
    if kind in BY_PERSON and len(np.unique(identity[identity >= 0])) < 2:
        raise UserError(
            f"{samples.name}: split.kind={kind} has other people test than train, and the set has one person;"
            " say who is who (a manifest's column identity), or choose the sides with split.kind=images or"
            " given"
        )
    if kind == "folds":
        check_fold(fold, folds)
        train, out = by_identity(identity, folds=folds, seed=seed, strata=strata)[fold]
    elif kind == "fraction":
        train, out = _holdout(identity, _share(test, identity, "split.test"), seed, "split.test", strata)
    elif kind == "images" and asked == "fraction":
        train, out = image_splits.holdout(len(samples), test, seed=seed, field="split.test", strata=strata)
    elif kind == "images":
        check_fold(fold, folds)
        numbers = image_splits.folds_of(len(samples), folds=folds, seed=seed, strata=strata)
        train, out = np.flatnonzero(numbers != fold), np.flatnonzero(numbers == fold)
    elif kind == "paper":
        train, out = _as_in_the_paper(samples, seed, strata)
    elif kind in ("given", "list"):
        given = _given(samples) if kind == "given" else listed(samples, file)
        if len(given.validation):
            return given
        train, out = given.train, given.test
    else:
        raise UserError(f"split.kind must be one of {', '.join(KINDS)}; got '{kind}'")
    held, field = np.empty(0, int), "split.validation"
    if validation > 0:
        own = None if strata is None else strata[train]
        kept, held = (
            image_splits.holdout(len(train), validation, seed=seed, field=field, strata=own)
            if by_image
            else _holdout(identity[train], _share(validation, identity[train], field), seed, field, own)
        )
        train, held = train[kept], train[held]
    return Split(train, held, out)


def check_fold(fold: int, folds: int) -> None:
    """Raises UserError where there is no fold of this number."""
    if not 0 <= fold < folds:
        raise UserError(f"split.fold must be from 0 to {folds - 1} (split.folds={folds}), got {fold}")


def nobody(samples: Samples) -> bool:
    """Whether it is not known of a single image who is on it."""
    return not (np.asarray(samples.identity) >= 0).any()


def possible(samples: Samples, kind: str) -> str:
    """The kind of a split that the set allows: without people, what asks for them is what the set gives, or
    is by image.
    """
    if kind not in BY_PERSON or not nobody(samples):
        return kind
    return "given" if samples.partition is not None else "images"


def uses_partition(samples: Samples, kind: str) -> bool:
    """Whether a split of this kind is the set's official one."""
    return kind == "given" or (
        kind == "paper" and samples.protocol is not None and not samples.protocol.test_people
    )


def _as_in_the_paper(samples: Samples, seed: int, strata) -> tuple[np.ndarray, np.ndarray]:
    """The paper names sizes, not people; which people test is drawn."""
    if samples.protocol is None:
        raise UserError(f"split.kind=paper: the paper did not use {samples.name}; use folds or fraction")
    if uses_partition(samples, "paper"):
        given = _given(samples)
        return given.train, given.test
    return _holdout(samples.identity, samples.protocol.test_people, seed, "split.kind=paper", strata)


def _given(samples: Samples) -> Split:
    if samples.partition is None:
        raise UserError(
            f"split.kind=given: {samples.name} has no official split; use folds or fraction, or give a split"
            " column"
        )
    train, test, validation = (np.flatnonzero(samples.partition == side) for side in (0, 1, 2))
    return checked(samples, Split(train, validation, test), "split.kind=given")
