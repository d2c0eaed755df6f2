"""Rotation about the centre of the image."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from dmljax.augmentations import _geometry

TURNS = True  # so that a roll of the head is another one afterwards


def build(*, degrees: float = 10.0) -> Callable[[jax.Array, jax.Array], jax.Array]:
    """A turn by an angle that is drawn evenly.

    Args:
      degrees: largest angle in either direction, 0 to 180.

    Raises:
      ValueError: an angle out of its range.
    """
    if not 0 <= degrees <= 180:
        raise ValueError(f"degrees must be from 0 to 180; got {degrees}")

    def step(key: jax.Array, image: jax.Array) -> jax.Array:
        angle = degrees * jax.random.uniform(key, minval=-1.0, maxval=1.0)
        return _geometry.affine(image, _geometry.rotation(angle), jnp.zeros(2))

    return step
