import numpy as np
import pytest

from dmljax.data import order
from dmljax.datasets import synthetic
from dmljax.types import UserError


def test_processes_and_devices_share_the_same_global_batch():
    batches = np.arange(3 * 20, dtype=np.int32).reshape(3, 20)
    whole = order.steps(batches, accumulate=1, process=0, processes=1, local_devices=1)
    assert whole.shape == (3, 1, 1, 20) and np.array_equal(whole.ravel(), np.arange(60))
    parts = [order.steps(batches, accumulate=1, process=k, processes=2, local_devices=2) for k in range(2)]
    assert np.array_equal(np.concatenate(parts, 1).reshape(3, -1), whole.reshape(3, -1))


def test_micro_batches_hold_the_same_images_for_any_number_of_devices():
    batches = np.arange(5 * 20, dtype=np.int32).reshape(5, 20)
    one = order.steps(batches, accumulate=2, process=0, processes=1, local_devices=1)
    four = order.steps(batches, accumulate=2, process=0, processes=1, local_devices=4)
    assert one.shape == (2, 1, 2, 20) and four.shape == (2, 4, 2, 5)
    assert np.array_equal(four.transpose(0, 2, 1, 3).reshape(2, 2, 20), one[:, 0])


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (
            {"together": 5, "field": "data.tuples_per_step"},
            "tuples_per_step=3 .a batch of 15 images. does not divide among 2 devices.*e.g. 2",
        ),
        (
            {"field": "data.batch_size"},
            "a batch of 15 images does not divide among 2 devices; set data.batch_size .*, e.g. 14",
        ),
    ],
)
def test_a_batch_that_does_not_divide_says_so(how, said):
    with pytest.raises(UserError, match=said):
        order.check_divides(15, 2, **how)


def test_evaluation_sees_every_sample_once():
    rows = order.every_sample_once(np.arange(10, 27), per_device=3, process=0, processes=1, local_devices=2)
    assert rows.shape == (3, 2, 1, 3)
    assert sorted(rows[rows >= 0]) == list(range(10, 27)) and (rows < 0).sum() == 1


def test_leftovers_join_in_groups_of_five():
    samples = synthetic.samples(identities=3)
    train = np.arange(4, len(samples))
    tuples, report = order.epoch_tuples(samples, train, seed=0, epoch=0, leftovers=False)
    more, _ = order.epoch_tuples(samples, train, seed=0, epoch=0, leftovers=True)
    assert set(map(tuple, tuples)) <= set(map(tuple, more))
    assert len(more) == len(train) // 5 and len(np.unique(more)) == more.size and more.min() >= 4
    assert report.used == tuples.size


def test_no_tuple_names_condition_and_sample():
    import dataclasses

    samples = synthetic.samples(identities=4)
    one_face = dataclasses.replace(samples, expression=np.full(len(samples), 3, np.int32))
    train = np.arange(len(samples))
    tuples, report = order.epoch_tuples(one_face, train, seed=0, epoch=0, leftovers=False)
    with pytest.raises(
        UserError,
        match="no five-tuple can be formed from 140 training samples: .* one expression only, 'happ",
    ):
        order.check_tuples(one_face, train, tuples, report, **STEP)


STEP = {"tuples_per_step": 1, "accumulate": 1, "leftovers": False}


@pytest.mark.parametrize(
    ("changes", "have", "trains"),
    [
        ({"pose": 2}, "have one pose only, '0'", "leftovers=True trains expression, and"),
        ({"pose": -1}, "have no pose that is known", "leftovers=True trains expression, and"),
        ({"identity": 1}, "have one identity only, ", "leftovers=True trains expression and pose, and"),
        ({"expression": 3}, "have one expression only, 'happiness'", "leftovers=True trains pose, and"),
        ({"expression": 3, "pose": -1}, "'happiness', and no pose that is known", ""),
    ],
)
def test_a_column_that_tells_nothing_apart_is_named_with_what_is_possible(changes, have, trains):
    samples = synthetic.samples(identities=4)
    columns = {name: np.full(len(samples), label, np.int32) for name, label in changes.items()}
    samples, train = samples.replace(**columns), np.arange(len(samples))
    tuples, report = order.epoch_tuples(samples, train, seed=0, epoch=0, leftovers=False)
    with pytest.raises(UserError) as error:
        order.check_tuples(samples, train, tuples, report, **STEP)
    assert have in str(error.value) and ("leftovers" in str(error.value)) == bool(trains)
    assert trains in str(error.value) and "tuples_per_step" not in str(error.value)


def test_too_few_tuples_name_condition_and_sample_and_only_what_helps():
    samples = synthetic.samples(identities=2)
    train = np.arange(len(samples))
    tuples, report = order.epoch_tuples(samples, train, seed=0, epoch=0, leftovers=False)
    with pytest.raises(
        UserError,
        match=f"only {len(tuples)} five-tuples .* is left .e.g. '.*: expression '.*"
        "lower data.tuples_per_step=30 or data.accumulate=20, or set data.leftovers=True",
    ):
        order.check_tuples(samples, train, tuples, report, tuples_per_step=30, accumulate=20, leftovers=False)
    with pytest.raises(UserError) as error:
        order.check_tuples(samples, train, tuples, report, tuples_per_step=300, accumulate=1, leftovers=True)
    assert str(error.value).endswith("bring more samples, or lower data.tuples_per_step=300")
