"""A mesh under lights -> a picture: turn, light, rasterise, interpolate, average the samples of a pixel."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dmljax.faces.camera import Camera, project, turn
from dmljax.faces.mesh import Mesh, vertex_normals
from dmljax.faces.rasteriser import rasterise

GAMMA = 2.2


class Light(NamedTuple):
    """What falls on a scene; all colours linear, 1 lights a white surface fully.

    Attributes:
      directions: float [L, 3], towards each light, in the camera's frame (+x right, +y up, +z to the viewer).
      colours: float [L, 3].
      sky, ground: float [3], ambient light from above and from below.
      wrap: 0..1, how far light reaches round a surface; skin lets some through.
    """

    directions: np.ndarray
    colours: np.ndarray
    sky: np.ndarray
    ground: np.ndarray
    wrap: float = 0.2


def standard_light() -> Light:
    """A key light from the upper left, a weaker fill from the right, a bright sky."""
    return Light(
        np.array([[-0.5, 0.6, 0.8], [0.7, 0.1, 0.6]]),
        np.array([[0.62] * 3, [0.22] * 3]),
        np.full(3, 0.34),
        np.full(3, 0.18),
    )


def render(
    mesh: Mesh,
    camera: Camera,
    light: Light,
    background: np.ndarray,
    side: int,
    *,
    samples: int = 2,
    cull: bool = True,
) -> np.ndarray:
    """A picture, uint8 [side, side, 3], sRGB.

    Args:
      background: float, linear, anything that broadcasts to [side, side, 3].
      samples: of each pixel along each axis; they are averaged in linear light.
      cull: leave out triangles seen from behind; False for open surfaces.
    """
    turned = turn(mesh.vertices, camera)
    fine = side * samples
    screen, depth = project(turned, camera, fine)
    shown = rasterise(screen, depth, mesh.triangles, (fine, fine), cull=cull)
    normals = vertex_normals(turned, mesh.triangles)
    diffuse, mirror = shade(normals, light, two_sided=not cull)
    textured = mesh.texture is not None
    attached = [mesh.colour * diffuse, mesh.gloss[:, None] * mirror, *([mesh.uv] if textured else [])]
    values = _interpolate(np.concatenate(attached, 1).astype(np.float32), mesh, shown)
    colour = values[:, :3] * _texture(mesh.texture, values[:, 6:]) if textured else values[:, :3]

    picture = np.zeros((fine * fine, 4), np.float32)  # light, and how much of the pixel is covered
    picture[shown.pixel, :3] = colour + values[:, 3:6]
    picture[shown.pixel, 3] = 1
    picture = picture.reshape(side, samples, side, samples, 4).mean((1, 3))
    return encode(picture[..., :3] + (1 - picture[..., 3:]) * background)


def shade(normals: np.ndarray, light: Light, *, two_sided: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """(diffuse [V, 3], mirror [V, 3]) light that leaves a white surface: Lambert with wrap, and
    Blinn-Phong.
    """
    if two_sided:
        normals = np.where(normals[:, 2:] < 0, -normals, normals)
    up = 0.5 + 0.5 * normals[:, 1:2]
    diffuse = light.ground + (light.sky - light.ground) * up
    mirror = np.zeros_like(diffuse)
    for direction, colour in zip(light.directions, light.colours):
        direction = direction / np.linalg.norm(direction)
        facing = np.clip((normals @ direction + light.wrap) / (1 + light.wrap), 0, None)
        half = direction + [0, 0, 1]
        diffuse = diffuse + facing[:, None] * colour
        mirror = mirror + (np.clip(normals @ (half / np.linalg.norm(half)), 0, None) ** 24)[:, None] * colour
    return diffuse, mirror


def encode(linear: np.ndarray) -> np.ndarray:
    """Linear light 0..1 -> sRGB uint8; brighter light is cut off."""
    return np.rint(np.clip(linear, 0, 1) ** (1 / GAMMA) * 255).astype(np.uint8)


def decode(pixels: np.ndarray) -> np.ndarray:
    """sRGB uint8 -> linear light 0..1."""
    return (np.arange(256) / 255.0)[pixels] ** GAMMA


def _interpolate(values: np.ndarray, mesh: Mesh, shown) -> np.ndarray:
    corners = mesh.triangles[shown.triangle]
    return sum(values[corners[:, k]] * shown.weights[:, k : k + 1] for k in range(3))


def _texture(texture: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """Bilinear samples, linear light [P, 3]."""
    height, width = texture.shape[:2]
    x = np.clip(uv[:, 0] * width - 0.5, 0, width - 1)
    y = np.clip((1 - uv[:, 1]) * height - 0.5, 0, height - 1)
    left, top = np.minimum(x.astype(int), width - 2), np.minimum(y.astype(int), height - 2)
    fx, fy = (x - left)[:, None], (y - top)[:, None]
    picked = [[decode(texture[top + dy, left + dx]) for dx in (0, 1)] for dy in (0, 1)]
    return sum(
        picked[dy][dx] * (fy if dy else 1 - fy) * (fx if dx else 1 - fx) for dy in (0, 1) for dx in (0, 1)
    )
