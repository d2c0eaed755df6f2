"""Every sampler keeps the contract; each is what an explicit loop says."""

from collections import Counter

import numpy as np
import pytest

from dmljax import plugins
from dmljax.contracts.samplers import *  # noqa: F403
from dmljax.data import order
from dmljax.data.sampling import Wanted
from dmljax.types import UserError


@pytest.fixture(params=plugins.names("samplers"))
def plugin(request):
    return plugins.load("samplers", request.param)


def made(name, samples, **how):
    options = {key: how.pop(key) for key in ("label", "classes", "images") if key in how}
    return plugins.load("samplers", name).build(samples, Wanted(**how), **options)


def without(samples, *columns):
    return samples.replace(**{name: np.full(len(samples), -1, np.int32) for name in columns})


def test_uniform_has_every_sample_once_but_for_the_rest(samples):
    drawn = made("uniform", samples, batch_size=16).draw(1)
    assert len(drawn) == len(samples) // 16 and max(Counter(drawn.ravel().tolist()).values()) == 1


def test_uniform_leaves_out_what_has_no_label_to_learn(samples):
    known = np.arange(len(samples)) % 3 > 0
    some = samples.replace(
        expression=np.where(known, samples.expression, -1).astype(np.int32),
        pose=without(samples, "pose").pose,
    )
    drawn = made("uniform", some, batch_size=8).draw(0)
    assert known[drawn].all() and len(drawn) == known.sum() // 8
    with pytest.raises(UserError, match="no training sample has an expression or a pose"):
        made("uniform", without(samples, "expression", "pose"))


def test_balanced_gives_every_class_the_same_share(samples):
    few = samples.take(np.flatnonzero((samples.expression > 0) | (np.arange(len(samples)) % 7 == 0)))
    drawn = made("balanced", few, batch_size=16).draw(0)
    counts = Counter(few.expression[drawn.ravel()].tolist())
    assert len(counts) == 7 and max(counts.values()) - min(counts.values()) <= 1
    own = np.flatnonzero(few.expression == 0)
    times = Counter(k for k in drawn.ravel().tolist() if k in own)  # a scarce class comes again, in turn
    assert len(times) == len(own) and max(times.values()) - min(times.values()) <= 1 < max(times.values())


def test_pk_has_p_classes_of_k_different_images(samples):
    sampler = made("pk", samples, classes=3, images=4, label="identity")
    drawn = sampler.draw(0)
    assert sampler.size == 12 and len(drawn) == len(samples) // 12
    for row in drawn:
        assert sorted(Counter(samples.identity[row].tolist()).values()) == [4, 4, 4]
        assert len(set(row.tolist())) == 12


def test_pk_repeats_only_where_a_class_has_fewer_images(samples):
    few = samples.take(np.concatenate([np.flatnonzero(samples.expression == 0)[:3], np.arange(40)[10:]]))
    for row in made("pk", few, classes=2, images=5).draw(0):
        for k, own in Counter(few.expression[row].tolist()).items():
            there = int((few.expression == k).sum())
            assert own == 5 and len(set(row[few.expression[row] == k].tolist())) == min(5, there)


def test_five_tuples_are_those_of_the_order(samples):
    everyone = np.arange(len(samples))
    for leftovers in (False, True):
        tuples, _ = order.epoch_tuples(samples, everyone, seed=3, epoch=1, leftovers=leftovers)
        drawn = made("five_tuples", samples, seed=3, tuples_per_step=4, leftovers=leftovers).draw(1)
        assert np.array_equal(drawn.reshape(-1, 5), tuples[: len(tuples) // 4 * 4])


@pytest.mark.parametrize("column", ["expression", "pose", "identity"])
def test_auto_is_uniform_where_a_label_is_missing(samples, column):
    whole, part = made("auto", samples), made("auto", without(samples, column))
    assert (whole.name, whole.instead) == ("five_tuples", "")
    assert np.array_equal(whole.draw(2), made("five_tuples", samples).draw(2))
    assert part.name == "uniform" and f"no {column} that is known" in part.instead
    assert np.array_equal(part.draw(2), made("uniform", without(samples, column)).draw(2))


def test_auto_is_uniform_where_all_labels_are_known_and_no_tuple_can_be_formed(samples):
    own = samples.replace(identity=np.arange(len(samples), dtype=np.int32))
    assert "no other expression of the same identity is left" in made("auto", own).instead


@pytest.mark.parametrize(
    ("name", "how", "said"),
    [
        ("uniform", {"batch_size": 999}, "do not fill one step of 999 images; set data.batch_size lower"),
        ("uniform", {"batch_size": 99, "accumulate": 9}, "99 images x data.accumulate=9"),
        ("balanced", {"label": "age"}, "sampler.balanced.label: must be one of expression, pose"),
        ("pk", {"classes": 1}, "sampler.pk.classes: must be at least 2"),
        ("pk", {"classes": 8}, "sampler.pk.classes: .* has 7 classes of expression .* set it to 7 or less"),
        ("pk", {"images": 100}, "set sampler.pk.classes or sampler.pk.images lower"),
    ],
)
def test_what_cannot_be_drawn_names_the_field(samples, name, how, said):
    with pytest.raises(UserError, match=said):
        made(name, samples, **how)


def test_a_label_that_is_missing_or_alike_cannot_be_balanced(samples):
    for name in ("balanced", "pk"):
        with pytest.raises(
            UserError, match=f"sampler.{name}.label: .* 0 classes of pose, and two are needed"
        ):
            made(name, without(samples, "pose"), label="pose")
