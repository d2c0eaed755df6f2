import json

import numpy as np
import pytest

from dmljax.data import splits
from dmljax.datasets import synthetic
from dmljax.types import Protocol, UserError


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
    [
        ({"kind": "random"}, "folds, fraction, images, given, paper, list"),
        ({"fold": 3}, "split.fold"),
        ({"kind": "fraction", "test": 1.0}, "split.test"),
        ({"kind": "given"}, "no official split"),
        ({"validation": 0.99}, "split.validation"),
    ],
)
def test_impossible_splits_name_the_field(changes, word):
    with pytest.raises(UserError, match=word):
        _make(**changes)


def test_a_person_on_both_sides_of_a_given_split_is_an_error():
    import dataclasses

    samples = synthetic.samples(identities=4)
    partition = (np.arange(len(samples)) % 2).astype(np.int8)
    with pytest.raises(UserError, match="4 people are in train and in test, e.g. 'rendered000'"):
        splits.make(
            dataclasses.replace(samples, partition=partition),
            kind="given",
            folds=2,
            fold=0,
            test=0,
            validation=0,
            seed=0,
        )


def test_stratified_folds_are_more_alike(rng):
    """People who each show one expression: folds by number alone may leave an expression out of a fold."""
    identity = np.repeat(np.arange(60), 10)
    expression = np.repeat(rng.integers(0, 4, 60), 10)

    def unlike(strata):
        folds = splits.by_identity(identity, folds=5, seed=3, strata=strata)
        return sum(
            np.abs(
                np.bincount(expression[test], minlength=4) - np.bincount(expression, minlength=4) / 5
            ).sum()
            for _, test in folds
        )

    assert unlike(expression) < 0.5 * unlike(None)
    for train, test in splits.by_identity(identity, folds=5, seed=3, strata=expression):
        assert not set(identity[train]) & set(identity[test]) and len(test) == 120


def test_a_stratified_holdout_is_more_alike(rng):
    samples = synthetic.samples(identities=40)
    mood = rng.integers(0, 7, 40)
    # one expression a person
    samples = samples.take(np.flatnonzero(samples.expression == mood[samples.identity]))

    def unlike(stratify):
        test = splits.make(
            samples, kind="fraction", folds=5, fold=0, test=0.5, validation=0, seed=1, stratify=stratify
        ).test
        return np.abs(
            np.bincount(samples.expression[test], minlength=7)
            - np.bincount(samples.expression, minlength=7) / 2
        ).sum()

    assert unlike(True) < unlike(False)


def test_as_many_people_as_the_paper_tested():
    samples = synthetic.samples(identities=10).replace(protocol=Protocol(7, 3, 0, 0))
    split = splits.make(samples, kind="paper", folds=5, fold=0, test=0.2, validation=0, seed=0, stratify=True)
    assert len(set(samples.identity[split.test])) == 3 and len(set(samples.identity[split.train])) == 7
    with pytest.raises(UserError, match="the paper did not use synthetic"):
        _make(kind="paper")


def test_a_saved_split_is_used_again(tmp_path):
    split, samples = _make(kind="folds", validation=0.25)
    path = tmp_path / "split.json"
    path.write_text(
        json.dumps({side: [samples.references[k] for k in part] for side, part in zip(split._fields, split)})
    )
    again, _ = _make(kind="list", file=str(path), seed=9)
    assert all(np.array_equal(one, other) for one, other in zip(split, again))
    path.write_text(path.read_text().replace("0/0/0/0", "9/9/9/9"))
    with pytest.raises(UserError, match="names 1 images that are not in synthetic, e.g. '9/9/9/9'"):
        _make(kind="list", file=str(path))
    sides = {"train": list(samples.references[:100]), "test": list(samples.references[100:])}
    path.write_text(json.dumps(sides))
    with pytest.raises(UserError, match="1 people are in train and in test"):
        _make(kind="list", file=str(path))


def test_people_by_name(tmp_path):
    path = tmp_path / "people.txt"
    path.write_text("rendered002\n rendered005 \n\n")
    split, samples = _make(kind="list", file=str(path), validation=0)
    assert set(samples.identity[split.test]) == {2, 5} and len(split.train) + len(split.test) == len(samples)
    for text, told in (("rendered002\nnobody\n", "'nobody' is none of them"), ("", "it is empty")):
        path.write_text(text)
        with pytest.raises(UserError, match=told):
            _make(kind="list", file=str(path))
    with pytest.raises(UserError, match="cannot be read"):
        _make(kind="list", file=str(tmp_path / "nowhere.txt"))


@pytest.mark.parametrize("kind", ["folds", "fraction"])
def test_a_set_of_one_person(kind):
    made = synthetic.samples(identities=2)
    alone = made.replace(identity=np.zeros(len(made), np.int32))
    with pytest.raises(UserError, match=f"split.kind={kind} .* the set has one person; say who is who"):
        splits.make(alone, kind=kind, folds=2, fold=0, test=0.5, validation=0, seed=0)


def _nobody(**changes):
    made = synthetic.samples(identities=3)
    return made.replace(identity=np.full(len(made), -1, np.int32), **changes)


@pytest.mark.parametrize("kind", ["folds", "fraction", "images"])
def test_without_people_images_are_split_alike_in_every_class(kind):
    samples = _nobody()
    split = splits.make(samples, kind=kind, folds=5, fold=1, test=0.2, validation=0.25, seed=3, stratify=True)
    assert splits.possible(samples, kind) == "images"
    assert sorted(np.concatenate(split)) == list(range(len(samples)))
    cells = samples.expression * len(samples.pose_names) + samples.pose
    of_all = np.bincount(cells)
    for part, share in zip(split, (0.6, 0.2, 0.2)):
        assert (np.abs(np.bincount(cells[part], minlength=len(of_all)) - share * of_all) < 2).all()


def test_folds_of_images_test_everybody_once_and_know_their_number():
    samples = _nobody()
    tested = [
        splits.make(samples, kind="folds", folds=4, fold=k, test=0.2, validation=0, seed=0).test
        for k in range(4)
    ]
    assert sorted(np.concatenate(tested)) == list(range(len(samples)))
    with pytest.raises(UserError, match="split.fold must be from 0 to 3"):
        splits.make(samples, kind="folds", folds=4, fold=4, test=0.2, validation=0, seed=0)
    with pytest.raises(UserError, match="split.folds=2000: 105 images make from 2 to 105 folds"):
        splits.make(samples, kind="folds", folds=2000, fold=0, test=0.2, validation=0, seed=0)
    with pytest.raises(UserError, match="split.validation=0.001 of .* images leaves none on one side"):
        splits.make(samples, kind="folds", folds=4, fold=0, test=0.2, validation=0.001, seed=0)


def test_without_people_the_parts_of_a_set_are_its_split():
    sides = np.arange(105) % 3
    samples = _nobody(partition=sides.astype(np.int8))
    how = {"folds": 5, "fold": 0, "test": 0.2, "seed": 0}
    split = splits.make(samples, kind="folds", validation=0.5, **how)  # its own validation part counts
    for part, number in zip(split, (0, 2, 1)):
        assert np.array_equal(part, np.flatnonzero(sides == number))
    by_image = splits.make(samples, kind="images", validation=0, **how)
    assert len(by_image.test) == 21


def test_people_that_are_known_are_split_by_person_whatever_parts_there_are():
    samples = synthetic.samples(identities=3)
    given = samples.replace(partition=(np.arange(len(samples)) % 2).astype(np.int8))
    how = {"kind": "folds", "folds": 3, "fold": 0, "test": 0.2, "validation": 0, "seed": 0}
    for one, other in zip(splits.make(samples, **how), splits.make(given, **how)):
        assert np.array_equal(one, other)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("who.txt", "Rendered000\n", "'Rendered000' is none of them. Did you mean 'rendered000'?"),
        ("who.txt", "rendered0O1\n", "Did you mean 'rendered001'?"),
        ("split.json", '{"test": ["%s"]}', "Did you mean '%s'?"),
    ],
)
def test_a_name_in_other_letters_is_told_with_the_nearest(name, content, said, tmp_path):
    samples = synthetic.samples(identities=2)
    samples = samples.replace(references=tuple(f"set/{name}" for name in samples.references))
    first = samples.references[0]
    (tmp_path / name).write_text(content.replace("%s", first.upper().replace("/", "\\\\")))
    file = {"kind": "list", "file": str(tmp_path / name), "folds": 2, "fold": 0, "test": 0.5}
    with pytest.raises(UserError) as raised:
        splits.make(samples, validation=0, seed=0, **file)
    assert str(raised.value).endswith(said.replace("%s", first))
