"""Whole sets read once: by threads and by processes."""

import dataclasses
import functools

import numpy as np
import pytest
from PIL import Image

from dmljax.data import reading
from dmljax.data.reading import read_all
from dmljax.datasets import folder, synthetic
from dmljax.types import UserError


def test_many_images_are_read_by_processes_as_by_threads(tmp_path, monkeypatch):
    """Same hashes, same failures with the same reasons, in the same order."""
    rows = ["path,expression,pose,identity"]
    for k in range(90):
        rows.append(f"{k}.png,{'ab'[k % 2]},{k % 3},p{k % 5}")
        picture = np.random.default_rng(k).integers(20, 230, (20, 20, 3), np.uint8)
        Image.fromarray(picture if k % 11 else 0 * picture).save(tmp_path / f"{k}.png")
    (tmp_path / "manifest.csv").write_text("\n".join(rows))
    (tmp_path / "7.png").write_bytes(b"no image")
    samples = folder.samples(str(tmp_path))
    (tmp_path / "60.png").unlink()
    threads, _ = read_all(samples, 16, keep=False, progress=False)

    monkeypatch.setattr(reading, "MANY", 50)
    monkeypatch.setattr(reading, "_SHARE", 16)
    monkeypatch.setattr(reading.workers, "cores", lambda: 2)
    monkeypatch.setattr(reading, "_by_threads", None)
    processes, pixels = read_all(samples, 16, keep=False, progress=False)
    assert pixels is None
    assert processes.references == threads.references
    assert len(threads) == 90 - 9 - 2
    np.testing.assert_array_equal(processes.hashes, threads.hashes)
    assert processes.skipped == threads.skipped
    assert [s.kind for s in processes.skipped][-11:].count("is black") == 9


@pytest.mark.parametrize("own", [lambda read: lambda name: read(name), lambda read: read])
def test_a_reader_that_cannot_cross_to_processes_stays_in_threads(own, monkeypatch):
    """A function within a function, or one that would carry the pictures with it."""
    samples = synthetic.samples(identities=1, size=64).take(np.arange(2))
    content = dict.fromkeys(samples.references, bytes(3000))
    samples = dataclasses.replace(samples, read=own(content.__getitem__), prepare=None)
    monkeypatch.setattr(reading, "MANY", 2)
    monkeypatch.setattr(reading, "_by_processes", None)
    with pytest.raises(UserError, match="none of the 2 images"):
        read_all(samples, 16, keep=False, progress=False)


def test_a_script_s_own_reader_stays_in_threads(monkeypatch):
    samples = synthetic.samples(identities=1, size=64).take(np.arange(2))
    monkeypatch.setattr(_of_a_script, "__module__", "__main__")
    monkeypatch.setattr(reading, "MANY", 2)
    monkeypatch.setattr(reading, "_by_processes", None)
    for read in (_of_a_script, functools.partial(_of_a_script)):
        with pytest.raises(UserError, match="none of the 2 images"):
            read_all(dataclasses.replace(samples, read=read, prepare=None), 16, keep=False, progress=False)


def _of_a_script(name):
    return b""


def test_no_images_are_none():
    samples = synthetic.samples(identities=1, size=64).take(np.arange(0))
    assert len(read_all(samples, 16, keep=False, progress=False)[0]) == 0
