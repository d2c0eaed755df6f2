"""Haar cascades of OpenCV: the profile cascade on the picture and its mirror image, then the frontal one.

Profile first finds turned heads up to about 75 degrees, which the frontal cascade loses beyond 30. Needs
`dmljax[detect]`: OpenCV 4, since version 5 no longer has cascades.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dmljax import extras
from dmljax.boxes import distinct
from dmljax.types import UserError

BORDER = 100  # added around it: a face that fills the frame is found, too
SCALE, NEIGHBOURS, LEAST = 1.05, 2, 60
AGREE = 10  # windows that agree on a further face: collars and necks are seen by fewer


def build(*, side: int = 480) -> Callable[[np.ndarray], tuple[float, float, float, float] | None]:
    """image uint8 [H, W, 3] RGB -> (left, top, right, bottom) in its pixels, or None.

    Args:
      side: longer side in pixels to which a picture is scaled before it is searched.

    Raises:
      UserError: OpenCV is not installed, or is one without cascades.
    """
    search = _search(side)
    return lambda image: next(iter(search(image, every=False)), None)


def build_every(*, side: int = 480) -> Callable[[np.ndarray], list[tuple[float, float, float, float]]]:
    """As `build`, all faces of an image; those turned to the side first, the largest of each kind first."""
    search = _search(side)
    return lambda image: search(image, every=True)


def _search(side: int) -> Callable:
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

    def found(cascade, grey: np.ndarray) -> list[tuple]:
        """(left, top, width, height, how many windows agree) of each."""
        boxes, counts = cascade.detectMultiScale2(grey, SCALE, NEIGHBOURS, minSize=(LEAST, LEAST))
        return [(*box, count) for box, count in zip(boxes, counts)]

    def largest_first(faces: list[tuple]) -> list[tuple]:
        return sorted(faces, key=lambda face: face[2] * face[3], reverse=True)

    def search(image: np.ndarray, *, every: bool) -> list:
        scale = side / max(image.shape[:2])
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        grey = cv2.resize(
            grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        )
        grey = cv2.copyMakeBorder(
            cv2.equalizeHist(grey), BORDER, BORDER, BORDER, BORDER, cv2.BORDER_REPLICATE
        )
        mirrored = [
            (grey.shape[1] - left - width, *others, width, height, count)
            for left, *others, width, height, count in found(profile, np.ascontiguousarray(grey[:, ::-1]))
        ]
        faces = largest_first(found(profile, grey) + mirrored)
        if every or not faces:
            faces += largest_first(found(frontal, grey))
        faces = [face for k, face in enumerate(faces) if k == 0 or face[4] >= AGREE]
        edges = ((left, top, left + width, top + height) for left, top, width, height, _ in faces)
        return distinct([(float(edge) - BORDER) / scale for edge in face] for face in edges)

    return search
