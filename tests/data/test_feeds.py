import sys

import numpy as np
import pytest

from dmljax.data import feeds, memory, order, resident
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
    batches = tuples[: len(tuples) // 4 * 4].reshape(-1, 20)
    rows = order.steps(batches, accumulate=2, process=1, processes=2, local_devices=2)
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


@pytest.mark.filterwarnings("ignore")  # of TensorFlow's own imports
def test_an_image_that_goes_away_while_streaming_is_one_line(samples):
    pytest.importorskip("tensorflow")
    gone = samples.references[5]
    feed = feeds.build("tfdata", samples, image_size=24, memory="host", progress=False)

    def read(name):
        if name == gone:
            raise FileNotFoundError(2, "No such file or directory")
        return samples.read(name)

    feed.samples = feed.samples.replace(read=read)
    rows = np.arange(8, dtype=np.int32).reshape(2, 1, 1, 4)
    with pytest.raises(UserError, match=f"'{gone}' cannot be read .No such file or directory.; it could be"):
        list(feed.batches(rows))


def test_a_set_that_does_not_fit_into_memory_names_the_other_feed(samples, monkeypatch):
    """Before a single image is read."""
    monkeypatch.setattr(resident, "free", lambda: 24 * 24 * 3 * len(samples) - 1)
    monkeypatch.setattr(resident, "read_all", None)
    told = f"cmu_faces: {len(samples)} images of 24 x 24 pixels take 0.0 GiB of memory.*data.feed=tfdata"
    with pytest.raises(UserError, match=told):
        feeds.build("resident", samples, image_size=24, memory="host", progress=False)


@pytest.mark.parametrize(
    ("limit", "expected"),
    [("max", 3_000 * 1024), ("1000000", 1_000_000 - 600_000 + 50_000), (None, 3_072_000)],
)
def test_free_memory_is_that_of_the_machine_or_of_its_container(tmp_path, monkeypatch, limit, expected):
    (tmp_path / "meminfo").write_text("MemTotal: 9000 kB\nMemAvailable:    3000 kB\n")
    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    if limit:
        (tmp_path / "memory.max").write_text(f"{limit}\n")
        (tmp_path / "memory.current").write_text("600000\n")
        (tmp_path / "memory.stat").write_text("anon 5\ninactive_file 50000\n")
    assert memory.free() == expected
    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "none")
    monkeypatch.setattr(memory, "_CGROUP", tmp_path / "none")
    assert memory.free() is None
