"""RandAugment: some changes of an image drawn from fourteen, all of one magnitude.

Cubuk, Zoph, Shlens & Le, arXiv:1909.13719.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from dmljax.augmentations import _geometry, _photometry

TURNS = True  # now and then, so that a roll of the head is another one afterwards
GREATEST = 30  # magnitude
GEOMETRIC = ("rotate", "shear_x", "shear_y", "translate_x", "translate_y")
PHOTOMETRIC = (
    *("identity", "autocontrast", "equalize", "solarize", "posterize"),
    *("color", "contrast", "brightness", "sharpness"),
)


def build(*, number: int = 2, magnitude: float = 9.0) -> Callable[[jax.Array, jax.Array], jax.Array]:
    """Changes of an image one after another, each drawn from fourteen, its direction drawn too.

    Args:
      number: how many changes.
      magnitude: 0 to 30: of 30 degrees, of a shear by 0.3, of a shift by a third of the side, of a factor of
        0.9 away from 1, of all levels turned round, of four bits lost.

    Raises:
      ValueError: no change, or a magnitude out of its range.
    """
    if number < 1:
        raise ValueError(f"number must be at least 1; got {number}")
    if not 0 <= magnitude <= GREATEST:
        raise ValueError(f"magnitude must be from 0 to {GREATEST}; got {magnitude}")

    def step(key: jax.Array, image: jax.Array) -> jax.Array:
        for k in range(number):
            image = change(jax.random.fold_in(key, k), image, magnitude / GREATEST)
        return image

    return step


def change(key: jax.Array, image: jax.Array, strength: float) -> jax.Array:
    """One change, float32 [H, W, 3] in 0..255 to the same; strength 0..1."""
    which, direction = jax.random.split(key)
    drawn = jax.random.randint(which, (), 0, len(GEOMETRIC) + len(PHOTOMETRIC))
    signed = jnp.where(jax.random.bernoulli(direction), strength, -strength)
    return apply(drawn, image, signed, strength)


def apply(drawn: jax.Array, image: jax.Array, signed: jax.Array, strength: float) -> jax.Array:
    """Change number `drawn` of GEOMETRIC and PHOTOMETRIC; `signed` is the strength with a direction."""
    zero, one = jnp.zeros_like(signed), jnp.ones_like(signed)
    square = lambda a, b, c, d: jnp.stack([jnp.stack([a, b]), jnp.stack([c, d])])
    matrices = jnp.stack(
        [
            _geometry.rotation(30 * signed),
            square(one, zero, 0.3 * signed, one),
            square(one, 0.3 * signed, zero, one),
            *[square(one, zero, zero, one)] * 2,
        ]
    )
    down, right = 0.33 * image.shape[0] * signed, 0.33 * image.shape[1] * signed
    none = jnp.stack([zero, zero])
    shifts = jnp.stack([none, none, none, jnp.stack([zero, right]), jnp.stack([down, zero])])
    first = len(GEOMETRIC)
    geometric = lambda x: _geometry.affine(x, matrices[at], shifts[at])
    at = jnp.minimum(drawn, first - 1)
    factor = 1 + 0.9 * signed
    branches = [
        lambda x: x,
        _photometry.stretch,
        _photometry.equalise,
        lambda x: _photometry.solarise(x, 256 * (1 - strength)),
        lambda x: _photometry.posterise(x, 8 - round(4 * strength)),
        lambda x: _photometry.blend(_photometry.grey(x), x, factor),
        lambda x: _photometry.blend(jnp.full_like(x, _photometry.grey(x).mean()), x, factor),
        lambda x: _photometry.blend(jnp.zeros_like(x), x, factor),
        lambda x: _photometry.blend(_photometry.smooth(x), x, factor),
    ]
    return jax.lax.switch(jnp.maximum(drawn - first + 1, 0), [geometric, *branches], image)
