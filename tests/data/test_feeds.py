import sys

import numpy as np
import pytest

from dmljax.data import feeds, order
from dmljax.datasets import cmu_faces
from dmljax.types import IMAGE, INDEX, LABELS, UserError


@pytest.fixture
def samples(tmp_path):
    cmu_faces.write_fixture(tmp_path)
    return cmu_faces.samples(str(tmp_path))


@pytest.mark.filterwarnings("ignore")  # of TensorFlow's own imports
def test_both_feeds_give_the_same_samples_in_the_same_order(samples):
    pytest.importorskip("tensorflow")
    resident = feeds.build("resident", samples, image_size=24, memory="host", progress=False)
    streamed = feeds.build("tfdata", samples, image_size=24, memory="host", progress=False)
    assert resident.samples.references == streamed.samples.references
    tuples, _ = order.epoch_tuples(samples, np.arange(len(samples)), seed=0, epoch=1, leftovers=False)
    rows = order.steps(tuples, tuples_per_step=4, accumulate=2, process=1, processes=2, local_devices=2)
    assert len(rows) > 1
    pairs = list(zip(resident.batches(rows), streamed.batches(rows), strict=True))
    assert len(pairs) == len(rows)
    for (a, b), row in zip(pairs, rows):
        assert a.keys() == b.keys() == {INDEX, IMAGE, *LABELS}
        assert np.array_equal(a[INDEX], row) and a[IMAGE].dtype == b[IMAGE].dtype == np.uint8
        assert all(np.array_equal(a[key], b[key]) for key in a)


def test_on_the_device_only_indices_move(samples):
    feed = feeds.build("resident", samples, image_size=24, memory="device", progress=False)
    (batch,) = feed.batches(np.zeros((1, 2, 1, 5), np.int32))
    assert set(batch) == {INDEX} and feed.table[IMAGE].shape == (len(samples), 24, 24, 3)


def test_unknown_names_are_answered(samples):
    with pytest.raises(UserError, match="resident, tfdata"):
        feeds.build("torch", samples, image_size=24, memory="host")
    with pytest.raises(UserError, match="device or host"):
        feeds.build("resident", samples, image_size=24, memory="disk")


def test_without_tensorflow_the_other_feed_is_named(samples, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(UserError, match="data.feed=resident"):
        feeds.build("tfdata", samples, image_size=24, memory="host", progress=False)
