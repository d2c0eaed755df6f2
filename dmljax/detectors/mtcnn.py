"""MTCNN, three small networks in a row, on TensorFlow (`dmljax[detect,tensorflow]`).

Zhang, Zhang, Li & Qiao, 2016.

A picture without a face is searched again: larger and smaller, mirrored, with its contrast evened out, and
with lower thresholds. What several of these searches agree on is a face, too. That finds most heads that wear
sunglasses, look up or turn away. Its boxes reach into the hair; the part above the brows is cut off, as other
detectors do, so that eyes and mouth come to lie in the outer thirds of a crop.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from dmljax import extras
from dmljax.boxes import agreed, area, distinct

# scale against `side`, mirrored, contrast evened out: the trio that found most of what the plain search
# missed on CMU Face Images
AGAIN = ((1.5, False, True), (1.5, True, False), (2 / 3, False, True))
LENIENT = {"threshold_pnet": 0.4, "threshold_rnet": 0.3, "threshold_onet": 0.3}
ABOVE = 0.15  # share of a box above the brows
LEAST = 1 / 8  # of the picture's longer side: smaller finds of the lenient searches are mostly ears


def build(*, side: int = 480) -> Callable[[np.ndarray], tuple[float, float, float, float] | None]:
    """image uint8 [H, W, 3] RGB -> (left, top, right, bottom) in its pixels, or None.

    Args:
      side: longer side in pixels to which a picture is scaled before it is searched.

    Raises:
      UserError: mtcnn or what it needs is not installed.
    """
    every = build_every(side=side)
    return lambda image: next(iter(every(image)), None)


def build_every(*, side: int = 480) -> Callable[[np.ndarray], list[tuple[float, float, float, float]]]:
    """As `build`, all faces of an image, the largest first. The repeated search looks for one face."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with _silent():
        extras.require("detect,tensorflow", "cv2", "tensorflow", "mtcnn", purpose="crop.rule=mtcnn")
        import cv2
        from mtcnn import MTCNN

        network = MTCNN()
    even_out = cv2.createCLAHE(2.0, (4, 4))

    def search(
        image: np.ndarray, factor: float, mirrored: bool, evened: bool, thresholds: dict
    ) -> np.ndarray:
        """float [faces, 4], edges in the image's pixels."""
        scale = factor * side / max(image.shape[:2])
        shown = cv2.resize(
            image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        )
        if mirrored:
            shown = np.ascontiguousarray(shown[:, ::-1])
        if evened:
            shown = np.dstack([even_out.apply(cv2.cvtColor(shown, cv2.COLOR_RGB2GRAY))] * 3)
        with _silent():
            found = network.detect_faces(shown, **thresholds) or ()
        boxes = np.array([face["box"] for face in found], float).reshape(-1, 4) / scale
        left, top, width, height = boxes.T
        if mirrored:
            left = image.shape[1] - left - width
        return np.stack([left, top, left + width, top + height], 1)

    def detect(image: np.ndarray):
        faces = search(image, 1.0, False, False, {})
        if len(faces):
            return [from_the_brows(face) for face in distinct(sorted(faces, key=area, reverse=True))]
        faces = np.concatenate([search(image, *how, LENIENT) for how in AGAIN])
        faces = faces[(faces[:, 2:] - faces[:, :2]).max(1, initial=0) >= LEAST * max(image.shape[:2])]
        return [from_the_brows(agreed(faces))] if len(faces) else []

    return detect


@contextmanager
def _silent() -> Iterator[None]:
    """TensorFlow warns on the process's stderr, whatever its log level says, as it starts and of every search
    that leaves no candidate.
    """
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def from_the_brows(face) -> tuple[float, float, float, float]:
    left, top, right, bottom = (float(edge) for edge in face)
    return left, top + ABOVE * (bottom - top), right, bottom
