"""The studio: how a picture is taken (pose jitter, light, background, blur, noise), at random."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFilter

from dmljax.faces.camera import Camera, Window
from dmljax.faces.mesh import Mesh
from dmljax.faces.render import GAMMA, Light, decode, encode, render
from dmljax.types import GREY

FILMS = ("colour", "grey")


class Conditions(NamedTuple):
    """How one picture is taken.

    Attributes:
      background: float [side, side, 3], linear.
      exposure: factor on all light.
      blur: standard deviation, share of the picture's side.
      noise: standard deviation of the grey levels, 0..255.
    """

    camera: Camera
    light: Light
    background: np.ndarray
    exposure: float
    blur: float
    noise: float


def draw_angles(
    rng: np.random.Generator, *, yaw: float, difficulty: float, pitch: float = 0.0
) -> tuple[float, float, float]:
    """Yaw, pitch and roll in degrees as they are in one picture: what `draw_conditions` draws first."""
    yaw_off, nod, tilt = _wild(difficulty) * np.array([4.0, 5.0, 5.0]) * rng.standard_normal(3).clip(-2, 2)
    return yaw + yaw_off, pitch + nod, tilt


def draw_conditions(
    rng: np.random.Generator, side: int, *, yaw: float, window: Window, difficulty: float, pitch: float = 0.0
) -> Conditions:
    """Conditions about a yaw and a pitch in degrees; at difficulty 0 they hardly vary. A nodding head is
    foreshortened, and the window with it.
    """
    wild, angles = _wild(difficulty), draw_angles(rng, yaw=yaw, difficulty=difficulty, pitch=pitch)
    size = (1 + 0.08 * wild * np.clip(rng.standard_normal(), -2, 2)) * np.cos(np.deg2rad(pitch))
    distance, shift = rng.uniform(2.5, 5.0), tuple(0.04 * wild * rng.standard_normal(2).clip(-2, 2))
    camera = Camera(
        *angles,
        extent=window.extent * size,
        distance=distance,
        shift=shift,
        centre=window.centre,
    )
    return Conditions(
        camera,
        _light(rng, wild),
        _background(rng, side),
        exposure=2.0 ** (0.35 * wild * np.clip(rng.standard_normal(), -2, 2)),
        blur=0.009 * wild * rng.random(),
        noise=1.0 + 7.0 * wild * rng.random(),
    )


def _wild(difficulty: float) -> float:
    return 0.2 + 0.8 * difficulty


def photograph(
    mesh: Mesh,
    conditions: Conditions,
    rng: np.random.Generator,
    side: int,
    *,
    samples: int = 2,
    cull: bool = True,
) -> np.ndarray:
    """The picture, uint8 [side, side, 3]; `rng` draws the noise."""
    pixels = render(
        mesh, conditions.camera, conditions.light, conditions.background, side, samples=samples, cull=cull
    )
    if conditions.exposure != 1:
        pixels = encode(decode(pixels) * conditions.exposure)
    if conditions.blur:
        pixels = np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(conditions.blur * side)))
    noisy = pixels + conditions.noise * rng.standard_normal(pixels.shape)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def by_flash(conditions: Conditions, rng: np.random.Generator) -> Conditions:
    """The same with a flash, as snapshots are taken: in most of them it does not reach the wall."""
    reached = 1.0 if rng.random() < 0.3 else rng.uniform(0.02, 0.4)
    return conditions._replace(background=conditions.background * reached)


def on_grey_film(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The picture without colours, its contrast and brightness as on hard film: bright skin may burn out.
    uint8 [side, side, 3].
    """
    grey = picture @ np.array(GREY)
    grey = grey.mean() + (grey - grey.mean()) * rng.uniform(1.0, 2.2) + rng.uniform(-10, 50)
    return np.repeat(np.clip(np.rint(grey), 0, 255).astype(np.uint8)[..., None], 3, -1)


def _light(rng: np.random.Generator, wild: float) -> Light:
    """A key light from somewhere above the front, a fill light, an ambience; colours between warm and
    cool.
    """
    across, above = rng.uniform(-0.9, 0.9) * wild, 0.45 + 0.35 * wild * rng.uniform(-1, 1)
    warm = 1 + 0.10 * wild * rng.standard_normal() * np.array([1.0, 0.0, -1.0])
    key, fill = rng.uniform(0.45, 0.8), rng.uniform(0.05, 0.3)
    sky = rng.uniform(0.25, 0.42)
    directions = np.array([[across, above, 0.8], [-np.sign(across) * 0.8, 0.1, 0.5]])
    return Light(
        directions,
        np.stack([key * warm, np.full(3, fill)]),
        np.full(3, sky),
        np.full(3, sky * rng.uniform(0.4, 0.8)),
    )


def _background(rng: np.random.Generator, side: int) -> np.ndarray:
    """A plain or shaded wall with a few soft spots."""
    axis = (np.arange(side) + 0.5) / side - 0.5
    y, x = np.meshgrid(axis, axis, indexing="ij")
    grey = rng.uniform(0.15, 0.85)
    wall = (
        np.full((side, side, 3), grey)
        + 0.05 * rng.standard_normal(3)
        + (rng.uniform(-0.4, 0.4) * x + rng.uniform(-0.3, 0.3) * y)[..., None]
    )
    for _ in range(int(rng.integers(0, 4))):
        at, radius = rng.uniform(-0.5, 0.5, 2), rng.uniform(0.1, 0.4)
        spot = np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / radius**2)
        wall = wall + spot[..., None] * (0.12 * rng.standard_normal() + 0.05 * rng.standard_normal(3))
    return np.clip(wall, 0.02, 0.98) ** GAMMA
