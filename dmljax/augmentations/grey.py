"""Colours taken away from some images."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from dmljax.augmentations import _photometry


def build(*, probability: float = 0.2) -> Callable[[jax.Array, jax.Array], jax.Array]:
    """Some images become grey.

    Args:
      probability: share of the images, 0 to 1.

    Raises:
      ValueError: a probability out of its range.
    """
    if not 0 <= probability <= 1:
        raise ValueError(f"probability must be from 0 to 1; got {probability}")

    def step(key: jax.Array, image: jax.Array) -> jax.Array:
        return jnp.where(jax.random.bernoulli(key, probability), _photometry.grey(image), image)

    return step
