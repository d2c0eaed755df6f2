"""Who trains and who tests: never the same person on both sides."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dmljax.types import MISSING, Samples, UserError

KINDS = ("folds", "fraction", "given", "paper", "list")
DRAWS = 64  # of people to hold out, of which the best stratified is taken


class Split(NamedTuple):
    """Sample indices, int [.] each, sorted and disjoint; `train` and `test` share no identity, nor does
    `validation`.
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


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


def make(
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
    """The split that the configuration asks for.

    Args:
      kind: 'folds' (fold number `fold` of `folds` tests), 'fraction' (the share `test` of the identities
        tests), 'given' (the set's official partition), 'paper' (as many people test as in the paper), or
        'list' (what `file` says).
      validation: share of the training identities held out to choose the best checkpoint; 0 holds out none.
      file: `split.json` of a run, or a text file with the name of a test person a line.
      stratify: choose people so that expressions x poses are alike on both sides, as far as people allow.

    Raises:
      UserError: an unknown kind, too few identities, or a person on both sides.
    """
    identity = np.asarray(samples.identity)
    strata = (
        samples.expression.astype(int) * (len(samples.pose_names) + 1) + samples.pose if stratify else None
    )
    people = len(np.unique(identity[identity >= 0]))
    if kind in ("folds", "fraction") and people < 2:
        known = "one person" if people else "nobody whose identity is known"
        raise UserError(
            f"{samples.name}: split.kind={kind} has other people test than train, and the set has {known};"
            " say who is who (a manifest's column identity), or choose the sides with split.kind=given"
        )
    if kind == "folds":
        if not 0 <= fold < folds:
            raise UserError(f"split.fold must be from 0 to {folds - 1} (split.folds={folds}), got {fold}")
        train, out = by_identity(identity, folds=folds, seed=seed, strata=strata)[fold]
    elif kind == "fraction":
        train, out = _holdout(identity, _share(test, identity, "split.test"), seed, "split.test", strata)
    elif kind == "paper":
        train, out = _as_in_the_paper(samples, seed, strata)
    elif kind == "given":
        train, out = _given(samples)
    elif kind == "list":
        listed = _listed(samples, file)
        if len(listed.validation):
            return listed
        train, out = listed.train, listed.test
    else:
        raise UserError(f"split.kind must be one of {', '.join(KINDS)}; got '{kind}'")
    held = np.empty(0, int)
    if validation > 0:
        count = _share(validation, identity[train], "split.validation")
        kept, held = _holdout(
            identity[train], count, seed, "split.validation", None if strata is None else strata[train]
        )
        train, held = train[kept], train[held]
    return Split(train, held, out)


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
        return _given(samples)
    return _holdout(samples.identity, samples.protocol.test_people, seed, "split.kind=paper", strata)


def _listed(samples: Samples, file: str) -> Split:
    """What a file says: three lists of references in JSON, or names of test people in a text."""
    if not file:
        raise UserError("split.kind=list reads who tests from split.file; set it")
    try:
        text = Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"split.kind=list reads split.file, and '{file}' cannot be read: {error}") from None
    if file.endswith(".json"):
        return _from_references(samples, text, file)
    names = [line.strip() for line in text.splitlines() if line.strip()]
    unknown = [name for name in names if name not in samples.identity_names]
    if unknown or not names:
        raise UserError(
            f"split.file '{file}' must name test people of {samples.name}, a line each; "
            + (f"'{unknown[0]}' is none of them" if unknown else "it is empty")
        )
    out = np.isin(samples.identity, [samples.identity_names.index(name) for name in names])
    return _checked(
        samples, Split(np.flatnonzero(~out), np.empty(0, int), np.flatnonzero(out)), f"split.file '{file}'"
    )


def _from_references(samples: Samples, text: str, file: str) -> Split:
    number = {reference: k for k, reference in enumerate(samples.references)}
    try:
        sides = {side: json.loads(text).get(side, []) for side in Split._fields}
        lost = [name for names in sides.values() for name in names if name not in number]
    except (ValueError, AttributeError, TypeError) as error:
        raise UserError(f"split.file '{file}' is no split.json: {error}") from None
    if lost:
        raise UserError(
            f"split.file '{file}' names {len(lost)} images that are not in {samples.name}, e.g. '{lost[0]}'"
        )
    made = Split(*(np.array(sorted(number[name] for name in names), int) for names in sides.values()))
    return _checked(samples, made, f"split.file '{file}'")


def _checked(samples: Samples, split: Split, what: str) -> Split:
    """The split, if training and test are there and nobody is on two sides."""
    if not len(split.train) or not len(split.test):
        raise UserError(
            f"{what}: {len(split.train)} train and {len(split.test)} test samples; both are needed"
        )
    for one, other in (("train", "test"), ("train", "validation"), ("validation", "test")):
        both = np.intersect1d(samples.identity[getattr(split, one)], samples.identity[getattr(split, other)])
        if len(both := both[both >= 0]):
            raise UserError(
                f"{what}: {len(both)} people are in {one} and in {other}, e.g."
                f" '{samples.identity_names[both[0]]}'; a person must be in one part only"
            )
    return split


def _given(samples: Samples) -> tuple[np.ndarray, np.ndarray]:
    if samples.partition is None:
        raise UserError(
            f"split.kind=given: {samples.name} has no official split; use folds or fraction, or give a split"
            " column"
        )
    sides = [np.flatnonzero(samples.partition == side) for side in (0, 1)]
    _checked(samples, Split(sides[0], np.empty(0, int), sides[1]), "split.kind=given")
    return sides[0], sides[1]
