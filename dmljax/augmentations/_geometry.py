"""Affine maps of one image: rotation, shear and shift, bilinear, with the border repeated."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax.scipy.ndimage import map_coordinates


def affine(image: jax.Array, matrix: jax.Array, shift: jax.Array) -> jax.Array:
    """The image whose pixel at p, counted from the centre, is that of the given one at `matrix` p + `shift`.

    Args:
      image: float32 [H, W, C].
      matrix: float32 [2, 2], on (down, right).
      shift: float32 [2], in pixels.
    """
    height, width = image.shape[:2]
    down = jnp.arange(height, dtype=jnp.float32) - (height - 1) / 2
    right = jnp.arange(width, dtype=jnp.float32) - (width - 1) / 2
    place = jnp.stack(jnp.meshgrid(down, right, indexing="ij"))
    exact = jax.lax.Precision.HIGHEST
    source = jnp.einsum("ij,jhw->ihw", matrix, place, precision=exact) + shift[:, None, None]
    rows, columns = source[0] + (height - 1) / 2, source[1] + (width - 1) / 2
    look_up = lambda channel: map_coordinates(channel, [rows, columns], order=1, mode="nearest")
    return jax.vmap(look_up, 2, 2)(image)


def rotation(degrees: jax.Array) -> jax.Array:
    """The matrix of a turn, float32 [2, 2]; positive: the image turns against the clock."""
    angle = jnp.deg2rad(degrees)
    sine, cosine = jnp.sin(angle), jnp.cos(angle)
    return jnp.stack([jnp.stack([cosine, sine]), jnp.stack([-sine, cosine])])
