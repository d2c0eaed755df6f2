"""dlib's HOG detector, then Haar's cascades for what it misses (`dmljax[detect]`).

It misses heads turned beyond about 45 degrees.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dmljax import extras
from dmljax.boxes import area, distinct
from dmljax.detectors import haar


def build(*, side: int = 480) -> Callable[[np.ndarray], tuple[float, float, float, float] | None]:
    """image uint8 [H, W, 3] RGB -> (left, top, right, bottom) in its pixels, or None.

    Args:
      side: longer side in pixels to which a picture is scaled before it is searched.

    Raises:
      UserError: dlib or OpenCV is not installed.
    """
    search, otherwise = _search(side), haar.build(side=side)
    return lambda image: next(iter(search(image)), None) or otherwise(image)


def build_every(*, side: int = 480) -> Callable[[np.ndarray], list[tuple[float, float, float, float]]]:
    """As `build`, all faces of an image, the largest first."""
    search, otherwise = _search(side), haar.build_every(side=side)
    return lambda image: search(image) or otherwise(image)


def _search(side: int) -> Callable[[np.ndarray], list[tuple[float, float, float, float]]]:
    extras.require("detect", "cv2", "dlib", purpose="crop.rule=dlib")
    import cv2
    import dlib

    frontal = dlib.get_frontal_face_detector()

    def search(image: np.ndarray):
        scale = side / max(image.shape[:2])
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        found = frontal(cv2.resize(image, None, fx=scale, fy=scale, interpolation=how))
        edges = [(face.left(), face.top(), face.right() + 1, face.bottom() + 1) for face in found]
        largest_first = sorted(edges, key=area, reverse=True)
        return distinct([edge / scale for edge in face] for face in largest_first)

    return search
