import dataclasses
import io

import numpy as np
import pytest
from PIL import Image

from dmljax.data.images import decode, load
from dmljax.data.reading import read_all
from dmljax.datasets import synthetic
from dmljax.types import UserError


def encode(pixels, kind):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


@pytest.fixture
def samples(rng):
    base = synthetic.samples(identities=1, size=64).take(np.arange(6))
    good = rng.integers(50, 200, (20, 24, 3)).astype(np.uint8)
    whole = encode(good, "PNG")
    content = dict(
        zip(
            base.references,
            (
                whole,
                whole[: len(whole) // 2],
                b"no image",
                encode(good[:4, :4], "PNG"),
                encode(np.zeros((20, 24), np.uint8), "PNG"),
                good,
            ),
        )
    )
    return dataclasses.replace(base, read=content.__getitem__, boxes=np.tile([2, 1, 22, 19], (6, 1))), good


def test_crop_and_resize_are_exact_where_nothing_has_to_be_resized(samples):
    base, good = samples
    square = dataclasses.replace(base, boxes=np.tile([2, 1, 20, 19], (6, 1)))
    assert np.array_equal(load(square, 0, 18), good[1:19, 2:20])


def test_unreadable_images_are_skipped_counted_and_named(samples):
    base, _ = samples
    kept, pixels = read_all(base, 16, progress=False)
    assert kept.references == (base.references[0], base.references[5]) and pixels.shape == (2, 16, 16, 3)
    assert np.array_equal(pixels[0], pixels[1])
    reasons = {s.reference: s.reason for s in kept.skipped}
    assert "decoded" in reasons[base.references[1]] and "decoded" in reasons[base.references[2]]
    assert "too small for the box" in reasons[base.references[3]] and "black" in reasons[base.references[4]]


def test_files_that_went_away_after_the_scan_are_skipped_and_listed(samples):
    """Gone, turned into a folder, no longer allowed: each is one image less."""
    base, _ = samples
    errors = dict(zip(base.references[1:4], (FileNotFoundError, IsADirectoryError, PermissionError)))

    def read(name):
        if name in errors:
            raise errors[name](1, "went away")
        return base.read(base.references[0])

    kept, pixels = read_all(dataclasses.replace(base, read=read), 16, progress=False)
    assert len(pixels) == 3 and [s.reference for s in kept.skipped] == list(errors)
    assert {(s.reason, s.kind) for s in kept.skipped} == {("cannot be read (went away)", "cannot be read")}


def test_nothing_readable_is_an_error(samples):
    base, _ = samples
    with pytest.raises(UserError, match="none of the 2 images can be read"):
        read_all(base.take(np.array([1, 2])), 16, progress=False)


def test_grey_and_sixteen_bit_images_become_rgb(samples):
    base, _ = samples
    deep = Image.fromarray((np.arange(400, dtype=np.uint16) * 160).reshape(20, 20))
    file = io.BytesIO()
    deep.save(file, "PNG")
    one = dataclasses.replace(base, read=lambda _: file.getvalue(), boxes=None, darkest=0)
    pixels = load(one, 0, 20)
    assert np.array_equal(pixels[..., 0], (np.arange(400).reshape(20, 20) * 160) >> 8) and np.array_equal(
        pixels[..., 0], pixels[..., 2]
    )


@pytest.mark.parametrize("size", [30, 60, 119])
def test_a_large_jpeg_is_decoded_smaller_and_looks_the_same(samples, size):
    """Against the whole image, cut and resized; what differs is the filter, not the place."""
    base, _ = samples
    down, across = np.mgrid[0:400, 0:300]
    scene = np.stack(
        [128 + 100 * np.sin(across / 20) * np.cos(down / 31), 128 + 90 * np.cos(across / 40), down / 2], -1
    ).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(scene).save(file, "JPEG", quality=95)
    box = (33, 101, 273, 341)
    one = dataclasses.replace(base, read=lambda _: file.getvalue(), boxes=np.array([box]))
    whole = np.asarray(
        Image.open(file).convert("RGB").crop(box).resize((size, size), Image.Resampling.BILINEAR)
    ).astype(int)
    assert decode(file.getvalue(), box, size)[0].width == {30: 38, 60: 75, 119: 150}[size]
    assert np.abs(load(one, 0, size) - whole).mean() < 1.0
