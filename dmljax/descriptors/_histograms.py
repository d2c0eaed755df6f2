"""Histograms of uniform local binary patterns on a grid, for a Hellinger kernel."""

from __future__ import annotations

import numpy as np

from dmljax import extras
from dmljax.types import UserError

POINTS, RADIUS = 8, 1
BINS = POINTS * (POINTS - 1) + 3  # 58 uniform patterns, each apart, and one bin for all others


def pattern():
    """The library's function image [H, W] -> codes [H, W].

    Raises:
      UserError: scikit-image is not installed.
    """
    extras.require("report", "skimage", purpose="descriptors")
    from skimage.feature import local_binary_pattern

    return lambda image: local_binary_pattern(image, POINTS, RADIUS, method="nri_uniform").astype(np.int64)


def of_codes(codes: np.ndarray, cells: int) -> np.ndarray:
    """Square roots of each cell's shares of the patterns, float32 [cells * cells * BINS]; of length `cells`.

    Args:
      codes: int [H, W], 0 .. BINS - 1.
      cells: cells on each side.

    Raises:
      UserError: the image is smaller than the grid.
    """
    height, width = codes.shape
    if min(height, width) < cells:
        raise UserError(
            f"a picture of {width} x {height} pixels cannot be divided into {cells} x {cells} cells; set"
            " data.image_size higher"
        )
    row, column = (np.arange(n) * cells // n for n in (height, width))
    cell = row[:, None] * cells + column[None, :]
    counts = np.bincount((cell * BINS + codes).ravel(), minlength=cells * cells * BINS).reshape(
        cells * cells, BINS
    )
    return np.sqrt(counts / counts.sum(1, keepdims=True)).ravel().astype(np.float32)
