"""Haar cascades of OpenCV: the profile cascade on the picture and its mirror image, then the frontal one.

Profile first finds turned heads up to about 75 degrees, which the frontal cascade loses beyond 30. Needs
`dmljax[detect]`: OpenCV 4, since version 5 no longer has cascades.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dmljax import extras
from dmljax.types import UserError

BORDER = 100  # added around it: a face that fills the frame is found, too
SCALE, NEIGHBOURS, LEAST = 1.05, 2, 60


def build(*, side: int = 480) -> Callable[[np.ndarray], tuple[float, float, float, float] | None]:
    """image uint8 [H, W, 3] RGB -> (left, top, right, bottom) in its pixels, or None.

    Args:
      side: longer side in pixels to which a picture is scaled before it is searched.

    Raises:
      UserError: OpenCV is not installed, or is one without cascades.
    """
    extras.require("detect", "cv2", purpose="crop.rule=haar")
    import cv2

    if not hasattr(cv2, "CascadeClassifier"):
        raise UserError(
            f"crop.rule=haar needs the cascades of OpenCV 4, and this is {cv2.__version__}; install"
            " dmljax[detect]"
        )
    profile, frontal = (
        cv2.CascadeClassifier(f"{cv2.data.haarcascades}haarcascade_{name}.xml")
        for name in ("profileface", "frontalface_default")
    )

    def largest(cascade, grey: np.ndarray):
        found = cascade.detectMultiScale(grey, SCALE, NEIGHBOURS, minSize=(LEAST, LEAST))
        return max(found, key=lambda face: face[2] * face[3], default=None)

    def detect(image: np.ndarray):
        scale = side / max(image.shape[:2])
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        grey = cv2.resize(
            grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        )
        grey = cv2.copyMakeBorder(
            cv2.equalizeHist(grey), BORDER, BORDER, BORDER, BORDER, cv2.BORDER_REPLICATE
        )
        straight, mirrored = largest(profile, grey), largest(profile, np.ascontiguousarray(grey[:, ::-1]))
        if mirrored is not None:
            mirrored = (grey.shape[1] - mirrored[0] - mirrored[2], *mirrored[1:])
        candidates = [face for face in (straight, mirrored) if face is not None]
        face = max(candidates, key=lambda face: face[2] * face[3]) if candidates else largest(frontal, grey)
        if face is None:
            return None
        left, top, width, height = (float(edge) for edge in face)
        return tuple((edge - BORDER) / scale for edge in (left, top, left + width, top + height))

    return detect
