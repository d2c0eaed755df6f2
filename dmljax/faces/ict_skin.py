"""Colours of the ICT head, which has no texture: by parts of its vertices and by its facial landmarks."""

from __future__ import annotations

import numpy as np

from dmljax.faces.looks import Look
from dmljax.faces.skull import bump, step

# First and last vertex of each part, as published with the model.
PARTS = {
    "face": (0, 9408),
    "neck": (9409, 11247),
    "mouth": (11248, 13293),
    "sockets": (13294, 14061),
    "gums": (14062, 17038),
    "teeth": (17039, 21450),
    "left_eye": (21451, 23020),
    "right_eye": (23021, 24590),
}

# Brows and lips on the neutral face, read off the published 68 landmarks.
_BROW = ((-5.8, 5.2), (-4.9, 6.0), (-3.8, 6.3), (-2.4, 6.2), (-1.2, 5.9))
_OUTER_LIPS = (
    (-2.5, -3.5),
    (-1.7, -2.8),
    (-0.7, -2.4),
    (0.0, -2.5),
    (0.7, -2.4),
    (1.7, -2.8),
    (2.5, -3.5),
    (1.8, -4.1),
    (1.0, -4.3),
    (0.0, -4.4),
    (-1.0, -4.3),
    (-1.8, -4.1),
)


def paint(neutral: np.ndarray, look: Look) -> tuple[np.ndarray, np.ndarray]:
    """(albedo float32 [V, 3], gloss float32 [V]) by part and, on the face, by place in the neutral head.

    Args:
      neutral: float32 [V, 3], the head of `ict.Model`.
    """
    p = neutral
    x, y, z, side = p[:, 0], p[:, 1], p[:, 2], np.abs(p[:, 0])
    colour, gloss = np.broadcast_to(look.skin, p.shape).astype(np.float64).copy(), np.full(len(p), 0.07)

    def mix(towards, share) -> None:
        colour[:] += np.clip(share, 0, 1)[:, None] * (np.asarray(towards) - colour)

    ahead = step(z, 2.0, 6.0)
    mix(
        look.skin * [1.05, 0.72, 0.70],
        look.blush * ahead * (bump(side, y, (4.2, 0.4), (1.7, 1.5)) + bump(x, y, (0, 0.2), (1.2, 1.0))),
    )
    stubble = (
        step(-y, 1.6, 2.6)
        * (1 - step(-y, 8.0, 9.5))
        * step(z, 3.0, 6.0)
        * (1 - bump(x, y, (0, -3.4), (2.9, 1.1)) ** 2)
    )
    stubble = stubble * (1 - 0.95 * bump(side, y, (4.6, -1.6), (2.6, 1.8)))
    mix(look.hair, look.beard * stubble)
    lips = _inside(np.stack([x, y], -1), np.array(_OUTER_LIPS) * [1.02, 1.0]) * step(z, 8.0, 9.0)
    mix(look.lips, lips)
    brow = np.array(_BROW) * [-1, 1]
    distance = _to_line(np.stack([side, y], -1), brow + [0, 0.1])
    mix(look.hair * 0.7, look.brow[1] * np.exp(-((distance / (11.0 * look.brow[0])) ** 4)) * ahead)
    edge = np.interp(
        np.arctan2(side, z - 1.0),
        [0, 0.45, 0.9, 1.2, 1.4, 1.75, 2.0, np.pi],
        [
            11.5 * look.hairline + 3.0,
            11.5 * look.hairline + 2.6,
            8.5,
            6.0 - 4 * look.sides,
            6.0,
            5.5,
            -1.0,
            -4.0,
        ],
    )
    mix(look.hair, step(y - edge, -0.2, 0.5))

    for name in ("mouth", "gums"):
        colour[_part(name)] = (0.30, 0.09, 0.085) if name == "gums" else (0.10, 0.025, 0.025)
    colour[_part("sockets")] = look.skin * 0.5
    colour[_part("teeth")] = np.array([0.72, 0.69, 0.60]) * look.teeth
    for name in ("left_eye", "right_eye"):
        colour[_part(name)], gloss[_part(name)] = _eye(p[_part(name)], look.iris), 0.35
    gloss += 0.12 * lips
    return colour.astype(np.float32), gloss.astype(np.float32)


def _part(name: str) -> slice:
    first, last = PARTS[name]
    return slice(first, last + 1)


def _eye(vertices: np.ndarray, iris: np.ndarray) -> np.ndarray:
    """Colours of an eyeball that looks along +z."""
    around = vertices - (vertices.max(0) + vertices.min(0)) / 2
    angle = np.arctan2(np.hypot(around[:, 0], around[:, 1]), around[:, 2])
    colour = np.array([0.78, 0.75, 0.72]) * (1 - 0.25 * step(angle, 0.7, 1.4))[:, None]
    colour[angle < 0.46] = iris
    colour[(angle >= 0.39) & (angle < 0.48)] = iris * 0.3
    colour[angle < 0.19] = 0.01
    return colour


def _inside(points: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """1 inside a polygon, 0 outside, [N]: crossings of a ray to the right."""
    inside = np.zeros(len(points), bool)
    for (ax, ay), (bx, by) in zip(polygon, np.roll(polygon, -1, 0)):
        between = (ay > points[:, 1]) != (by > points[:, 1])
        with np.errstate(divide="ignore", invalid="ignore"):
            crossing = (bx - ax) * (points[:, 1] - ay) / (by - ay) + ax
        inside ^= between & (points[:, 0] < crossing)
    return inside.astype(float)


def _to_line(points: np.ndarray, line: np.ndarray) -> np.ndarray:
    """Distance to a polyline, [N]."""
    best = np.full(len(points), np.inf)
    for a, b in zip(line[:-1], line[1:]):
        along = np.clip((points - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1)
        best = np.minimum(best, np.linalg.norm(points - a - along[:, None] * (b - a), axis=1))
    return best
