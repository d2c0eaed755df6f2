import numpy as np
import pytest

from dmljax.data import order
from dmljax.datasets import synthetic
from dmljax.types import UserError


def test_processes_and_devices_share_the_same_global_batch():
    tuples = np.arange(13 * 5, dtype=np.int32).reshape(13, 5)
    whole = order.steps(tuples, tuples_per_step=4, accumulate=1, process=0, processes=1, local_devices=1)
    assert whole.shape == (3, 1, 1, 20) and np.array_equal(whole.ravel(), np.arange(60))
    parts = [
        order.steps(tuples, tuples_per_step=4, accumulate=1, process=k, processes=2, local_devices=2)
        for k in range(2)
    ]
    assert np.array_equal(np.concatenate(parts, 1).reshape(3, -1), whole.reshape(3, -1))


def test_micro_batches_hold_the_same_tuples_for_any_number_of_devices():
    tuples = np.arange(16 * 5, dtype=np.int32).reshape(16, 5)
    one = order.steps(tuples, tuples_per_step=4, accumulate=2, process=0, processes=1, local_devices=1)
    four = order.steps(tuples, tuples_per_step=4, accumulate=2, process=0, processes=1, local_devices=4)
    assert one.shape == (2, 1, 2, 20) and four.shape == (2, 4, 2, 5)
    assert np.array_equal(four.transpose(0, 2, 1, 3).reshape(2, 2, 20), one[:, 0])


def test_a_batch_that_does_not_divide_says_so():
    with pytest.raises(
        UserError, match="tuples_per_step=3 .a batch of 15 images. does not divide among 2 devices.*e.g. 2"
    ):
        order.check_divides(3, 2)


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
        UserError, match="no five-tuple.*no other expression at the same pose is left.*expression 'happiness'"
    ):
        order.check_tuples(one_face, train, tuples, report, 1)
