"""LBP: histograms of uniform local binary patterns on a grid.

Ahonen, Hadid & Pietikäinen, PAMI 2006; for expressions Shan et al., 2009.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dmljax.descriptors import _histograms

CELLS = 6


def build() -> Callable[[np.ndarray], np.ndarray]:
    """grey uint8 [N, H, W] -> float32 [N, 36 * 59].

    Raises:
      UserError: scikit-image is not installed.
    """
    pattern = _histograms.pattern()
    return lambda grey: np.stack([_histograms.of_codes(pattern(image), CELLS) for image in grey])
