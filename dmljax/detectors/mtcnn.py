"""MTCNN, three small networks in a row (Zhang, Zhang, Li, Qiao, 2016). Needs `dmljax[detect,tensorflow]`; runs on TensorFlow."""
from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np

from dmljax.types import UserError


def default_config() -> dict:
    """Fields: `side`, the longer side in pixels to which a picture is scaled before it is searched."""
    return {"side": 480}


def build(*, side: int = 480) -> Callable[[np.ndarray], tuple[float, float, float, float] | None]:
    """image uint8 [H, W, 3] RGB -> (left, top, right, bottom) in its pixels, or None.

    Raises:
      UserError: mtcnn or what it needs is not installed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        import cv2
        from mtcnn import MTCNN
    except ModuleNotFoundError as error:
        raise UserError(f"crop.rule=mtcnn needs {error.name}, which is not installed; install dmljax[detect,tensorflow]") from None
    network = MTCNN()

    def detect(image: np.ndarray):
        scale = side / max(image.shape[:2])
        shown = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        found = network.detect_faces(shown)
        if not found:
            return None
        left, top, width, height = max(found, key=lambda face: face["box"][2] * face["box"][3])["box"]
        return tuple(edge / scale for edge in (left, top, left + width, top + height))

    return detect
