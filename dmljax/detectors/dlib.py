"""dlib's HOG detector, then Haar's cascades for what it misses (`dmljax[detect]`).

It misses heads turned beyond about 45 degrees.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dmljax import extras
from dmljax.detectors import haar


def build(*, side: int = 480) -> Callable[[np.ndarray], tuple[float, float, float, float] | None]:
    """image uint8 [H, W, 3] RGB -> (left, top, right, bottom) in its pixels, or None.

    Args:
      side: longer side in pixels to which a picture is scaled before it is searched.

    Raises:
      UserError: dlib or OpenCV is not installed.
    """
    extras.require("detect", "cv2", "dlib", purpose="crop.rule=dlib")
    import cv2
    import dlib

    frontal, otherwise = dlib.get_frontal_face_detector(), haar.build(side=side)

    def detect(image: np.ndarray):
        scale = side / max(image.shape[:2])
        found = frontal(
            cv2.resize(
                image,
                None,
                fx=scale,
                fy=scale,
                interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR,
            )
        )
        if not found:
            return otherwise(image)
        face = max(found, key=lambda face: face.area())
        return tuple(edge / scale for edge in (face.left(), face.top(), face.right() + 1, face.bottom() + 1))

    return detect
