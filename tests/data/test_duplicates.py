import io

import numpy as np
from PIL import Image

from dmljax.data import duplicates
from dmljax.data.images import load, read_all
from dmljax.datasets import synthetic


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
    monkeypatch.setattr(duplicates, "MOST_PAIRS", 10)
    assert duplicates.across(synthetic.samples(identities=1), np.arange(5), np.arange(5), load) is None
