import numpy as np
import pytest

from dmljax.data import splits
from dmljax.datasets import synthetic
from dmljax.types import UserError


@pytest.mark.parametrize("folds", [2, 3, 5])
def test_folds_share_nobody_and_test_everybody_once(rng, folds):
    identity = rng.integers(0, 11, 200)
    identity[:7] = -1
    parts = splits.by_identity(identity, folds=folds, seed=1)
    assert len(parts) == folds
    for train, test in parts:
        assert not set(identity[train]) & set(identity[test]) and len(test)
        assert np.array_equal(np.sort(np.r_[train, test]), np.arange(200))
        assert -1 not in identity[test]
    assert np.array_equal(np.sort(np.concatenate([test for _, test in parts])), np.flatnonzero(identity >= 0))


def test_folds_are_balanced_and_seeded():
    identity = np.repeat(np.arange(15), 32)
    sizes = [len(test) for _, test in splits.by_identity(identity, folds=5)]
    assert sizes == [96] * 5
    a, b = (splits.by_identity(identity, folds=5, seed=s)[0][1] for s in (0, 1))
    assert not np.array_equal(a, b)


def test_too_few_people():
    with pytest.raises(UserError, match="there are 3 identities"):
        splits.by_identity(np.array([0, 1, 2]), folds=5)


def _make(**changes):
    fields = {"kind": "folds", "folds": 3, "fold": 1, "test": 0.25, "validation": 0.25, "seed": 0} | changes
    return splits.make(synthetic.samples(identities=8), **fields), synthetic.samples(identities=8)


@pytest.mark.parametrize("kind", ["folds", "fraction"])
def test_validation_people_are_apart_as_well(kind):
    split, samples = _make(kind=kind)
    people = [set(samples.identity[part]) for part in split]
    assert all(people) and not (people[0] & people[1] or people[0] & people[2] or people[1] & people[2])
    assert sum(len(part) for part in split) == len(samples)


@pytest.mark.parametrize(
    ("changes", "word"),
    [({"kind": "random"}, "folds, fraction or given"), ({"fold": 3}, "split.fold"), ({"kind": "fraction", "test": 1.0}, "split.test"),
     ({"kind": "given"}, "no official split"), ({"validation": 0.99}, "split.validation")],
)
def test_impossible_splits_name_the_field(changes, word):
    with pytest.raises(UserError, match=word):
        _make(**changes)


def test_a_person_on_both_sides_of_a_given_split_is_an_error():
    import dataclasses

    samples = synthetic.samples(identities=4)
    partition = (np.arange(len(samples)) % 2).astype(np.int8)
    with pytest.raises(UserError, match="4 people are on both sides, e.g. 'rendered000'"):
        splits.make(dataclasses.replace(samples, partition=partition), kind="given", folds=2, fold=0, test=0, validation=0, seed=0)
