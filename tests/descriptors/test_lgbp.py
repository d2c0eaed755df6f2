"""The parts of the descriptors by hand."""

import numpy as np
import pytest

from dmljax.descriptors import _histograms, lgbp


def test_histograms_of_cells_by_a_loop(rng):
    codes = rng.integers(0, _histograms.BINS, (7, 11))
    found = _histograms.of_codes(codes, 3).reshape(3, 3, -1)
    for i in range(3):
        for j in range(3):
            inside = [codes[r, c] for r in range(7) for c in range(11) if (r * 3 // 7, c * 3 // 11) == (i, j)]
            shares = [inside.count(code) / len(inside) for code in range(_histograms.BINS)]
            np.testing.assert_allclose(found[i, j] ** 2, shares, atol=1e-6)


def test_codes_of_a_flat_picture_and_of_an_edge():
    pattern = _histograms.pattern()
    flat = pattern(np.full((6, 6), 9, np.uint8))
    assert len(np.unique(flat[1:-1, 1:-1])) == 1  # all neighbours are as bright as the middle
    edge = pattern(np.repeat([[0, 0, 0, 200, 200, 200]], 6, 0).astype(np.uint8))
    assert len(np.unique(edge[1:-1, 3])) == 1 and edge[2, 3] != edge[2, 1]


@pytest.mark.parametrize("scale", [0, 3])
def test_gabor_magnitudes_are_those_of_a_direct_convolution(scale, rng):
    from scipy.signal import convolve2d
    from skimage.filters import gabor_kernel

    image = rng.integers(0, 256, (20, 16)).astype(np.float32)
    kernel = gabor_kernel(lgbp.HIGHEST / 2 ** (scale / 2), theta=np.pi * 3 / lgbp.ORIENTATIONS)
    closed = np.pad(image, ((0, 20), (0, 16)), mode="symmetric")
    expected = np.abs(convolve2d(closed, kernel - kernel.mean(), mode="same", boundary="wrap")[:20, :16])
    spectrum = lgbp._spectra((20, 16))[scale * lgbp.ORIENTATIONS + 3]
    found = np.abs(np.fft.ifft2(np.fft.fft2(closed) * spectrum)[:20, :16])
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-2)
