"""Boxes of faces, (left, top, right, bottom): areas, overlaps, and which of several are one face."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np


def area(face) -> float:
    return (face[2] - face[0]) * (face[3] - face[1])


def common(one, other) -> float:
    """Area of the intersection of two boxes."""
    shared = (max(one[0], other[0]), max(one[1], other[1]), min(one[2], other[2]), min(one[3], other[3]))
    return max(shared[2] - shared[0], 0) * max(shared[3] - shared[1], 0)


def overlap(one, other) -> float:
    """Intersection over union of two boxes."""
    shared = common(one, other)
    return shared / (area(one) + area(other) - shared)


def agreed(faces: np.ndarray) -> np.ndarray:
    """The median of the largest group of boxes, float [faces, 4], that overlap one of them by half; of
    equals, the one with the largest box.
    """
    groups = [[other for other in faces if overlap(face, other) >= 0.5] for face in faces]
    largest = max(range(len(faces)), key=lambda k: (len(groups[k]), area(faces[k])))
    return np.median(groups[largest], 0)


def distinct(faces: Iterable, share: float = 0.3) -> list[tuple[float, float, float, float]]:
    """The boxes without those of which an earlier one covers more than `share`, or the other way round:
    several searches see one face.
    """
    kept: list = []
    for face in faces:
        if all(common(face, one) <= share * min(area(face), area(one)) for one in kept):
            kept.append(tuple(float(edge) for edge in face))
    return kept
