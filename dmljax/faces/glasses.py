"""Glasses: frames of a shape drawn at random, with clear or with dark lenses, on the eyes of a head."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dmljax.faces.mesh import Mesh, grid_triangles, join

_EAR = np.array([0.70, 0.0, 0.0])  # where the left arm ends; the embedded head's unit and origin
_AROUND = 24  # corners of a lens


class Glasses(NamedTuple):
    """A pair of glasses; lengths in the unit of the embedded head, half the height of a head.

    Attributes:
      half_width, half_height: of a lens.
      square: 2: elliptic lenses; larger: squarer ones.
      drop: how far the lenses' middle lies below the eyes.
      ahead: from the eyeballs' centres to the lenses' plane at the nose.
      wrap: how far the lenses go back towards the temples, per squared unit of breadth.
      arm: height of the arms.
      rim: breadth of the rim as a share of the lens; 1: the lens is filled, as dark glass is.
      shade: linear albedo. gloss: strength of the mirror reflection.
    """

    half_width: float
    half_height: float
    square: float
    drop: float
    ahead: float
    wrap: float
    arm: float
    rim: float
    shade: float
    gloss: float


def draw_glasses(rng: np.random.Generator, *, dark: bool) -> Glasses:
    """Glasses at random: sunglasses, which are larger and of dark glass, or frames about clear lenses."""
    large = 1.1 if dark else 1.0
    return Glasses(
        half_width=large * rng.uniform(0.20, 0.265),
        half_height=large * rng.uniform(0.14, 0.20),
        square=rng.uniform(2.2, 4.0),
        drop=rng.uniform(-0.02, 0.05),
        ahead=rng.uniform(0.33, 0.40),
        wrap=rng.uniform(0.35, 0.60),
        arm=rng.uniform(0.04, 0.10) if dark else rng.uniform(0.02, 0.05),
        rim=1.0 if dark else rng.uniform(0.08, 0.18),
        shade=rng.uniform(0.003, 0.02) if dark or rng.random() < 0.6 else rng.uniform(0.1, 0.5),
        gloss=rng.uniform(0.02, 0.15),
    )


def put_on(glasses: Glasses, eyes: tuple[np.ndarray, np.ndarray]) -> Mesh:
    """The glasses on a head whose eyeballs' centres are `eyes`, the person's left one first, each [3]."""
    parts = [_bridge(glasses, eyes)]
    for side, eye in zip((1, -1), eyes):
        parts += [_lens(glasses, eye), _arm(glasses, eye, side)]
    return join(*parts)


def _plane(glasses: Glasses, x, eye: np.ndarray):
    return eye[2] + glasses.ahead - glasses.wrap * x**2


def _lens(glasses: Glasses, eye: np.ndarray) -> Mesh:
    rings = 6
    radius, turn = np.meshgrid(
        np.linspace(max(1 - glasses.rim, 0.001), 1, rings),
        2 * np.pi * np.arange(_AROUND) / _AROUND,
        indexing="ij",
    )
    corner = lambda t: np.sign(t) * np.abs(t) ** (2 / glasses.square)
    x = eye[0] + glasses.half_width * radius * corner(np.cos(turn))
    y = eye[1] - glasses.drop + glasses.half_height * radius * corner(np.sin(turn))
    return _both_sides(glasses, np.stack([x, y, _plane(glasses, x, eye)], -1), wrap=True)


def _arm(glasses: Glasses, eye: np.ndarray, side: int) -> Mesh:
    """A strip from the lens's outer edge to the ear."""
    along = np.linspace(0, 1, 6)
    start = eye[0] + side * 0.95 * glasses.half_width
    x = start + (side * _EAR[0] - start) * along**0.7
    z = _plane(glasses, start, eye) * (1 - along) + _EAR[2] * along
    top = eye[1] - glasses.drop + 0.6 * glasses.half_height - 0.05 * along
    return _both_sides(glasses, np.stack([np.stack([x, top - down, z], -1) for down in (0.0, glasses.arm)]))


def _bridge(glasses: Glasses, eyes: tuple[np.ndarray, np.ndarray]) -> Mesh:
    x = np.linspace(eyes[1][0] + 0.8 * glasses.half_width, eyes[0][0] - 0.8 * glasses.half_width, 5)
    y = eyes[0][1] - glasses.drop + 0.3 * glasses.half_height
    edge = lambda up: np.stack([x, np.full_like(x, y + up), _plane(glasses, x, eyes[0])], -1)
    return _both_sides(glasses, np.stack([edge(0.02), edge(-0.02)]))


def _both_sides(glasses: Glasses, grid: np.ndarray, *, wrap: bool = False) -> Mesh:
    """A thin sheet over a grid of points [rows, columns, 3]; two of them back to back, as one alone is not
    seen from behind.
    """
    rows, columns = grid.shape[:2]
    triangles = grid_triangles(rows, columns, wrap=wrap)
    count = rows * columns
    vertices = np.concatenate([grid.reshape(-1, 3)] * 2).astype(np.float32)
    return Mesh(
        vertices,
        np.concatenate([triangles, triangles[:, ::-1] + count]),
        np.full((2 * count, 3), glasses.shade, np.float32),
        np.full(2 * count, glasses.gloss, np.float32),
    )
