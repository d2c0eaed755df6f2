"""LGBP: histograms of local binary patterns of Gabor magnitudes.

Zhang et al., ICCV 2005; for expressions across poses Moore & Bowden, 2011.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dmljax.descriptors import _histograms

CELLS = 4
ORIENTATIONS, SCALES = 8, 5
HIGHEST = 0.25  # cycles a pixel; each scale lies half an octave below the one before


def build() -> Callable[[np.ndarray], np.ndarray]:
    """grey uint8 [N, H, W] -> float32 [N, 40 * 16 * 59].

    Raises:
      UserError: scikit-image is not installed.
    """
    pattern = _histograms.pattern()
    spectra = {}

    def describe(grey: np.ndarray) -> np.ndarray:
        size = grey.shape[1:]
        if size not in spectra:
            spectra[size] = _spectra(size)
        return np.stack([_one(image, spectra[size], pattern) for image in grey])

    return describe


def _spectra(size: tuple[int, int]) -> np.ndarray:
    """The filters' transforms for pictures that are reflected at right and bottom, so that they close:
    complex64 [40, 2 H, 2 W].
    """
    from skimage.filters import gabor_kernel

    found = []
    for scale in range(SCALES):
        for k in range(ORIENTATIONS):
            kernel = gabor_kernel(HIGHEST / 2 ** (scale / 2), theta=np.pi * k / ORIENTATIONS)
            whole = np.zeros([2 * n for n in size], complex)
            rows, columns = (np.arange(n) - n // 2 for n in kernel.shape)
            np.add.at(
                whole,
                (rows[:, None] % whole.shape[0], columns[None, :] % whole.shape[1]),
                kernel - kernel.mean(),
            )
            found.append(np.fft.fft2(whole).astype(np.complex64))
    return np.stack(found)


def _one(image: np.ndarray, spectra: np.ndarray, pattern) -> np.ndarray:
    height, width = image.shape
    closed = np.pad(image.astype(np.float32), ((0, height), (0, width)), mode="symmetric")
    magnitudes = np.abs(np.fft.ifft2(np.fft.fft2(closed) * spectra)[:, :height, :width])
    # Patterns compare neighbours: whole numbers, so that rounding decides nothing.
    steps = np.round(magnitudes * (1023 / max(magnitudes.max(), 1e-6))).astype(np.uint16)
    return np.concatenate([_histograms.of_codes(pattern(one), CELLS) for one in steps])
