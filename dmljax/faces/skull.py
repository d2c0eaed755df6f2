"""The resting head of the embedded generator: a grid of vertices shaped by profiles.

Unit: half the height of the head, 11.5 cm in an adult; the origin lies between the eyes in height, in the
middle of the skull in depth. Measures are those of an average adult head (breadth 15.5 cm, depth 19.5 cm, 6.3
cm between the pupils).
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from dmljax.faces.mesh import grid_triangles

# centre of the left eyeball and half the width of its slit
EYE_X, EYE_Y, EYE_Z, EYE_HALF = 0.275, 0.0, 0.548, 0.135
EYEBALL = 0.158
MOUTH_Y, MOUTH_HALF = -0.535, 0.225
LID_REST = (0.060, 0.036)  # how far the upper and the lower lid stand from the slit's line at rest

# (height, half breadth, depth to the front, depth to the back), from crown to chin.
_PROFILE = np.array(
    [
        (1.03, 0.00, 0.00, 0.00),
        (1.02, 0.16, 0.20, 0.20),
        (0.99, 0.29, 0.36, 0.38),
        (0.92, 0.42, 0.52, 0.57),
        (0.82, 0.535, 0.65, 0.73),
        (0.70, 0.61, 0.735, 0.84),
        (0.55, 0.655, 0.79, 0.91),
        (0.40, 0.675, 0.815, 0.94),
        (0.25, 0.68, 0.825, 0.94),
        (0.10, 0.68, 0.795, 0.91),
        (0.00, 0.675, 0.775, 0.87),
        (-0.15, 0.66, 0.775, 0.80),
        (-0.30, 0.645, 0.78, 0.71),
        (-0.45, 0.615, 0.785, 0.63),
        (-0.55, 0.59, 0.785, 0.58),
        (-0.68, 0.545, 0.755, 0.54),
        (-0.80, 0.48, 0.745, 0.50),
        (-0.90, 0.40, 0.725, 0.46),
        (-0.97, 0.30, 0.67, 0.42),
        (-1.00, 0.22, 0.60, 0.38),
    ]
)


class Grid(NamedTuple):
    """The resting head.

    Attributes:
      x, y: float64 [V], frontal coordinates in which features are placed; rows keep their y all round the
        head.
      front: float64 [V], cosine of the longitude: 1 on the middle of the face, 0 at the ears, negative
        behind.
      below: float64 [V]: 0 for vertices above the mouth's slit, 1 below it.
      eye_below: the same for the eyes' slits.
      neutral: float64 [V, 3].
      triangles: int32 [T, 3].
    """

    x: np.ndarray
    y: np.ndarray
    front: np.ndarray
    below: np.ndarray
    eye_below: np.ndarray
    neutral: np.ndarray
    triangles: np.ndarray


def bump(x, y, at: tuple[float, float], radius: tuple[float, float]) -> np.ndarray:
    """A Gaussian hill of height 1."""
    return np.exp(-(((x - at[0]) / radius[0]) ** 2) - ((y - at[1]) / radius[1]) ** 2)


def step(x, low: float, high: float) -> np.ndarray:
    """0 below `low`, 1 above `high`, smooth between."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def _rows() -> np.ndarray:
    """Heights of the rows, downwards; the two slits' rows come twice."""
    fine = 0.016
    top = 1.03 - 0.63 * np.linspace(0, 1, 16) ** 1.6
    brow = np.arange(0.40 - 0.024, 0.30, -0.024)
    eyes = np.concatenate([np.arange(0.288, 0.05, -fine), np.linspace(0.045, 0.0, 6)])
    nose = np.concatenate(
        [
            np.linspace(0.0, -0.045, 6),
            np.arange(-0.06, MOUTH_Y + 0.06, -fine),
            np.linspace(MOUTH_Y + 0.05, MOUTH_Y, 6),
        ]
    )
    chin = np.concatenate(
        [np.linspace(MOUTH_Y, MOUTH_Y - 0.05, 6), np.arange(MOUTH_Y - 0.063, -0.99, -0.02), [-1.0]]
    )
    return np.concatenate([top, brow, eyes, nose, chin])


def _columns() -> np.ndarray:
    """Longitudes, -pi .. pi without the last; dense on the face."""
    face = np.arcsin(np.linspace(-0.62, 0.62, 82) / 0.68)
    side = np.linspace(face[-1], np.pi, 34)[1:]
    return np.concatenate([-side[::-1], face, side[:-1]])


def _smooth_profile(y: np.ndarray) -> np.ndarray:
    """The profile's columns at heights y: linear interpolation, then a moving average that leaves the crown
    pointed shut.
    """
    dense = np.linspace(1.03, -1.0, 813)
    table = np.stack([np.interp(-dense, -_PROFILE[:, 0], column) for column in _PROFILE[:, 1:].T], -1)
    kernel = np.hanning(61) / np.hanning(61).sum()
    padded = np.concatenate([np.repeat(table[:1], 30, 0) * 0, table, np.repeat(table[-1:], 30, 0)])
    smooth = np.stack([np.convolve(column, kernel, "valid") for column in padded.T], -1)
    near_top = step(dense, 0.80, 1.0)[:, None]
    return np.stack(
        [np.interp(-y, -dense, column) for column in (smooth * (1 - near_top) + table * near_top).T], -1
    )


@lru_cache(maxsize=1)
def resting_head() -> Grid:
    """The grid; the same every time."""
    rows, columns = _rows(), _columns()
    width, front, back = (k[:, None] for k in _smooth_profile(rows).T)
    sine, cosine = np.sin(columns)[None], np.cos(columns)[None]
    y = np.broadcast_to(rows[:, None], (len(rows), len(columns))).copy()
    x = width * sine
    z = np.where(cosine > 0, front * np.abs(cosine) ** 0.85, -back * np.abs(cosine) ** 0.9)
    flat_x = 0.68 * np.broadcast_to(sine, y.shape)
    # The jaw's edge rises towards the ears, the back of the head ends at the nape.
    lift = 0.52 * step(np.abs(columns), 0.75, 1.75)[None] * step(-rows, 0.45, 1.0)[:, None]
    ahead = np.clip(cosine, 0, 1) ** 0.5
    z = z + ahead * relief(x, y)
    below = np.broadcast_to(
        (np.arange(len(rows)) > np.flatnonzero(rows == MOUTH_Y)[0]).astype(float)[:, None], y.shape
    )
    eye_below = np.broadcast_to(
        (np.arange(len(rows)) > np.flatnonzero(rows == EYE_Y)[0]).astype(float)[:, None], y.shape
    )
    neutral = np.stack([x, y + lift, z], -1)
    # Under the chin: rings that close in upon the neck.
    rings, share = [], np.array([0.90, 0.72, 0.5])
    for inward in share:
        ring = neutral[-1].copy()
        ring[:, 0] *= inward
        ring[:, 2] = (ring[:, 2] + 0.12) * inward - 0.12
        ring[:, 1] += 0.10 * (1 - inward) - 0.025 * (inward > 0.8)
        rings.append(ring)
    neutral = np.concatenate([neutral, np.stack(rings)])
    extend = lambda grid: np.concatenate([grid, np.repeat(grid[-1:], len(share), 0)]).ravel()
    grid = Grid(
        extend(flat_x),
        extend(y),
        extend(np.broadcast_to(cosine, y.shape)),
        extend(below),
        extend(eye_below),
        neutral.reshape(-1, 3),
        grid_triangles(len(rows) + len(share), len(columns), wrap=True),
    )
    return _sewn(grid, len(columns), rows)


def in_eye(x: np.ndarray) -> np.ndarray:
    """Position along the nearer eye's slit: -1 its inner corner, 1 its outer one; float [V]."""
    return (np.abs(x) - EYE_X) / EYE_HALF


def _sewn(grid: Grid, columns: int, rows: np.ndarray) -> Grid:
    """The two copies of a slit's row made one outside the slit."""
    keep = np.arange(len(grid.x))
    for level, inside in ((EYE_Y, np.abs(in_eye(grid.x)) < 1), (MOUTH_Y, np.abs(grid.x) < MOUTH_HALF)):
        upper = int(np.flatnonzero(rows == level)[0]) * columns
        for k in range(columns):
            if not inside[upper + k]:
                keep[upper + columns + k] = upper + k
    triangles = keep[grid.triangles]
    apart = (
        (triangles[:, 0] != triangles[:, 1])
        & (triangles[:, 1] != triangles[:, 2])
        & (triangles[:, 0] != triangles[:, 2])
    )
    strip = np.zeros(len(grid.x), bool)  # the strip between the copies is no surface
    for level in (EYE_Y, MOUTH_Y):
        upper = int(np.flatnonzero(rows == level)[0]) * columns
        strip[upper : upper + columns] = True
    first = grid.triangles.reshape(-1, 2, 3)[:, 0, 0]
    on_strip = np.repeat(strip[first], 2)
    return grid._replace(triangles=triangles[apart & ~on_strip].astype(np.int32))


def relief(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """What stands out of the smooth head towards the front: brows, nose, cheekbones, lips, chin; and the
    sockets.
    """
    side = np.abs(x)
    nose_height = np.interp(
        -y,
        [-0.12, -0.04, 0.10, 0.24, 0.31, 0.345, 0.39, 0.42],
        [0, 0.03, 0.09, 0.165, 0.195, 0.185, 0.07, 0.0],
    )
    nose_width = np.interp(-y, [-0.1, 0.05, 0.22, 0.33, 0.42], [0.075, 0.064, 0.092, 0.115, 0.115])
    nose = nose_height * np.exp(-(np.abs(x / nose_width) ** 2.2))
    wings = 0.085 * bump(side, y, (0.108, -0.335), (0.042, 0.050))
    lips = 0.052 * bump(x, y, (0, MOUTH_Y + 0.035), (0.17, 0.040)) + 0.060 * bump(
        x, y, (0, MOUTH_Y - 0.045), (0.145, 0.042)
    )
    slit = -0.030 * bump(x, y, (0, MOUTH_Y), (0.22, 0.014))
    corners = -0.030 * bump(side, y, (MOUTH_HALF + 0.01, MOUTH_Y), (0.05, 0.05))
    return (
        nose
        + wings
        + lips
        + slit
        + corners
        + 0.030 * bump(side, y, (0.24, 0.165), (0.19, 0.075))
        + 0.020 * bump(x, y, (0, 0.13), (0.08, 0.06))
        - 0.085 * bump(side, y, (0.275, -0.005), (0.17, 0.105))
        - 0.03 * bump(side, y, (0.115, 0.03), (0.05, 0.08))
        + 0.045 * bump(side, y, (0.40, -0.20), (0.16, 0.13))
        + 0.055 * bump(x, y, (0, -0.86), (0.15, 0.10))
        - 0.030 * bump(x, y, (0, -0.685), (0.16, 0.05))
        - 0.012 * bump(x, y, (0, -0.455), (0.025, 0.05))
        - 0.022 * bump(side, y, (0.33, -0.50), (0.09, 0.15))
    )
