"""Parts of the embedded head beside its skin: eyeballs, teeth and tongue, ears, neck."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from dmljax.faces.mesh import Mesh, grid_triangles, join
from dmljax.faces.skull import EYEBALL, MOUTH_Y, step


def _sphere(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit sphere about +z: vertices [rows * columns, 3] from the pole outwards, and triangles."""
    angle = np.pi * np.linspace(0, 1, rows) ** 1.4
    turn = 2 * np.pi * np.arange(columns) / columns
    ring = np.sin(angle)[:, None]
    vertices = np.stack(
        [ring * np.cos(turn), ring * np.sin(turn), np.broadcast_to(np.cos(angle)[:, None], (rows, columns))],
        -1,
    )
    return vertices.reshape(-1, 3), grid_triangles(rows, columns, wrap=True)


@lru_cache(maxsize=1)
def _eyeball() -> tuple[np.ndarray, np.ndarray]:
    return _sphere(26, 28)


def eyeball(
    centre: np.ndarray, gaze: tuple[float, float], iris: np.ndarray, *, size: float = EYEBALL
) -> Mesh:
    """An eye that looks (right, up) by `gaze` radians, with a pupil, an iris with a dark rim, and a shine."""
    vertices, triangles = _eyeball()
    angle = np.arccos(np.clip(vertices[:, 2], -1, 1))
    white = np.array([0.78, 0.75, 0.72])
    colour = white * (1 - 0.25 * step(angle, 0.7, 1.4))[:, None]
    colour[angle < 0.43] = iris
    colour[(angle >= 0.36) & (angle < 0.45)] = iris * 0.3
    colour[angle < 0.18] = 0.01
    right, up = gaze
    about_y = np.array([[np.cos(right), 0, np.sin(right)], [0, 1, 0], [-np.sin(right), 0, np.cos(right)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(up), np.sin(up)], [0, -np.sin(up), np.cos(up)]])
    turned = vertices @ (about_y @ about_x).T
    gloss = np.where(angle < 0.9, 0.35, 0.1)
    return Mesh(
        (centre + size * turned).astype(np.float32),
        triangles,
        colour.astype(np.float32),
        gloss.astype(np.float32),
    )


def _strip(xs: np.ndarray, ys: np.ndarray, depth, colour, gloss: float) -> Mesh:
    """A curved strip that faces the viewer: vertices (x, y, depth(x, y)), rows downwards."""
    y, x = np.meshgrid(ys, xs, indexing="ij")
    vertices = np.stack([x, y, depth(x, y)], -1).reshape(-1, 3)
    colours = np.broadcast_to(colour(x, y) if callable(colour) else colour, (*x.shape, 3)).reshape(-1, 3)
    return Mesh(
        vertices.astype(np.float32),
        grid_triangles(len(ys), len(xs)),
        np.ascontiguousarray(colours, np.float32),
        np.full(len(vertices), gloss, np.float32),
    )


@lru_cache(maxsize=1)
def _mouth() -> tuple[Mesh, Mesh, Mesh]:
    """(upper teeth, which stay with the skull; lower teeth; tongue)."""
    arch = lambda back: lambda x, y: 0.800 - back - 3.2 * x**2

    def enamel(x, y):
        gaps = np.abs(np.sin(np.pi * x / 0.052))[..., None] ** 0.25
        return np.array([0.72, 0.69, 0.60]) * (0.55 + 0.45 * gaps)

    across = np.linspace(-0.165, 0.165, 45)
    upper = _strip(across, np.linspace(MOUTH_Y + 0.055, MOUTH_Y - 0.022, 5), arch(0.060), enamel, 0.25)
    lower = _strip(across, np.linspace(MOUTH_Y - 0.030, MOUTH_Y - 0.090, 5), arch(0.080), enamel, 0.2)
    tongue_x, tongue_y = np.linspace(-0.13, 0.13, 15), np.linspace(MOUTH_Y - 0.045, MOUTH_Y - 0.16, 9)
    tongue = _strip(
        tongue_x,
        tongue_y,
        lambda x, y: 0.715 - 3.2 * x**2 - 3.0 * (y - MOUTH_Y + 0.10) ** 2,
        np.array([0.36, 0.10, 0.10]),
        0.2,
    )
    return upper, lower, tongue


def mouth(move: np.ndarray, drop: float, teeth: float) -> Mesh:
    """Teeth and tongue: moved by `move` [3] with the lips' middle, opened by `drop` radians; `teeth` is their
    whiteness.
    """
    upper, lower, tongue = _mouth()
    pivot = np.array([0.0, -0.08, -0.05])

    def turned(part: Mesh, share: float) -> Mesh:
        arm = part.vertices - pivot
        swing = np.stack([0 * arm[:, 0], -arm[:, 2], arm[:, 1]], -1) * drop * share
        return part._replace(vertices=(part.vertices + swing).astype(np.float32))

    whole = join(upper, turned(lower, 1.0), turned(tongue, 0.9))
    colour = np.where(whole.colour.min(1, keepdims=True) > 0.2, whole.colour * teeth, whole.colour)
    return whole._replace(
        vertices=(whole.vertices + move).astype(np.float32), colour=colour.astype(np.float32)
    )


def ear(side: int, skin: np.ndarray, *, size: float, out: float) -> Mesh:
    """An ear with a rim and a hollow, on the person's left (`side` 1) or right (-1); `out` is how far it
    stands off, radians.
    """
    rows, columns = 14, 22
    radius, turn = np.meshgrid(
        np.linspace(0, 1, rows), 2 * np.pi * np.arange(columns) / columns, indexing="ij"
    )
    long, broad = 0.175 * size, 0.098 * size
    back, up = broad * radius * np.cos(turn), long * radius * np.sin(turn)
    back = back * (0.8 + 0.25 * np.sin(turn))  # broader above than at the lobe
    relief = (
        0.042 * np.exp(-(((radius - 0.82) / 0.13) ** 2))
        - 0.020 * np.exp(-((radius / 0.4) ** 2))
        - 0.07 * step(radius, 0.93, 1.0)
    )
    lift = (back + broad) * np.sin(out)
    colour = skin * (1 - 0.45 * np.exp(-((radius / 0.35) ** 2)))[..., None] * np.array([1.05, 0.93, 0.92])
    vertices = np.stack(
        [side * (0.685 + relief + lift), -0.10 + up + 0.12 * back, -0.06 - back * np.cos(out)], -1
    ).reshape(-1, 3)
    triangles = grid_triangles(rows, columns, wrap=True)
    if side < 0:
        triangles = triangles[:, ::-1]
    return Mesh(
        vertices.astype(np.float32),
        np.ascontiguousarray(triangles),
        colour.reshape(-1, 3).astype(np.float32),
        np.full(rows * columns, 0.04, np.float32),
    )


def neck(skin: np.ndarray, cloth: np.ndarray, breadth: float) -> Mesh:
    """A neck, and shoulders in a shirt."""
    rows, columns = 22, 30
    height, turn = np.meshgrid(
        np.linspace(-0.35, -2.3, rows), -2 * np.pi * np.arange(columns) / columns, indexing="ij"
    )
    spread = step(-height, 1.28, 1.75)
    wide, deep = 0.43 * breadth + 1.0 * spread, 0.46 + 0.12 * spread
    forward = -0.22 - 0.10 * step(-height, 0.6, 1.5)
    vertices = np.stack([wide * np.sin(-turn), height, forward + deep * np.cos(turn)], -1).reshape(-1, 3)
    dressed = step(-height, 1.30, 1.34)[..., None]
    shadow = 1 - 0.35 * (1 - step(-height, 0.8, 1.2))[..., None]
    colour = (skin * shadow * (1 - dressed) + cloth * dressed).reshape(-1, 3)
    triangles = grid_triangles(rows, columns, wrap=True)
    return Mesh(
        vertices.astype(np.float32),
        triangles,
        colour.astype(np.float32),
        np.zeros(rows * columns, np.float32),
    )
