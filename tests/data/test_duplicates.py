import io

import numpy as np
from PIL import Image

from dmljax.data import duplicates
from dmljax.data.images import load
from dmljax.data.reading import read_all
from dmljax.datasets import synthetic
from dmljax.types import Unreadable


def test_a_recompressed_copy_is_found_and_nothing_else():
    """Rendered faces, of which one comes back on the other side, smaller, brighter and as a JPEG."""
    base = synthetic.samples(identities=6, size=64)
    original = base.read(base.references[3])
    file = io.BytesIO()
    Image.fromarray(np.clip(original * 1.01, 0, 255).astype(np.uint8)).resize((52, 52)).save(
        file, "JPEG", quality=80
    )
    copy = base.references[-1]
    samples = base.replace(read=lambda name: file.getvalue() if name == copy else base.read(name))
    samples, _ = read_all(samples, 48, keep=False, progress=False)
    one, other = np.arange(len(samples) // 2), np.arange(len(samples) // 2, len(samples))
    assert duplicates.across(samples, one, other, load) == [(3, len(samples) - 1)]
    assert duplicates.across(samples, other, one, load) == [(len(samples) - 1, 3)]


def test_the_hash_against_loops(rng):
    """The definition of the DCT-II, cell by cell."""
    pixels = rng.integers(0, 256, (32, 48, 3)).astype(np.uint8)
    small = duplicates.thumbnail(pixels).astype(float)
    spectrum = [
        sum(
            small[y, x] * np.cos(np.pi * (2 * y + 1) * u / 32) * np.cos(np.pi * (2 * x + 1) * v / 32)
            for y in range(16)
            for x in range(16)
        )
        for u in range(8)
        for v in range(8)
    ]
    middle = np.median(spectrum[1:])
    bits = [k > 0 and value > middle for k, value in enumerate(spectrum)]
    assert duplicates.perceptual_hash(pixels) == np.packbits(bits).view(np.uint64)[0] and sum(bits) == 31


def test_too_many_pairs_are_not_looked_at(monkeypatch):
    monkeypatch.setattr(duplicates, "MOST_COMPARED", 10)
    samples = synthetic.samples(identities=1).replace(hashes=np.zeros(35, np.uint64))
    assert duplicates.across(samples, np.arange(5), np.arange(5), load) is None


def test_alike_hashes_against_loops(rng):
    """Random hashes, and such as differ in 0 to 8 bits of another one, wherever the bits are."""
    bits = rng.integers(0, 2, (300, 64))
    bits[:, 0] = 0
    for k in range(1, 300):
        if k % 3:
            bits[k] = bits[rng.integers(k)]
            bits[k, 1 + rng.choice(63, k % 9, replace=False)] ^= 1
    hashes = np.packbits(bits, axis=1).view(np.uint64)[:, 0]
    one, other = hashes[:140], hashes[140:]
    expected = [
        a * 160 + b
        for a in range(140)
        for b in range(160)
        if sum(bits[a] != bits[140 + b]) <= duplicates.BITS_APART
    ]
    found = duplicates._alike_hashes(one, other, list(duplicates._groups(one, other)))
    assert len(expected) > 50 and found.tolist() == expected


def test_many_alike_images_are_each_read_once():
    """432 copies: 46,656 pairs, 432 readings."""
    samples = synthetic.samples(identities=13, size=16).take(np.arange(432))
    samples = samples.replace(hashes=np.full(432, 7, np.uint64))
    read, picture = [], np.full((64, 64, 3), 90, np.uint8)
    gone = lambda k: k == 431  # it was there when the set was read

    def reading(samples, k, side):
        read.append(k)
        if gone(k):
            raise Unreadable("cannot be read", "cannot be read")
        return picture

    found = duplicates.across(samples, np.arange(216), np.arange(216, 432), reading)
    assert sorted(read) == list(range(432))
    assert found == [(a, b) for a in range(216) for b in range(216, 431)]


def test_a_hundred_thousand_hashes_are_compared_in_seconds(rng):
    """As good as random, as those of faces nearly are; a whole table would have 2.5 x 10^9 cells."""
    hashes = rng.integers(0, 2**63, 100_000, dtype=np.uint64)
    hashes[99_999] = hashes[5] ^ np.uint64(0b10101)
    groups = list(duplicates._groups(hashes[:50_000], hashes[50_000:]))
    assert sum(len(a) * len(b) for a, b in groups) < 2e7
    assert duplicates._alike_hashes(hashes[:50_000], hashes[50_000:], groups).tolist() == [
        5 * 50_000 + 49_999
    ]
