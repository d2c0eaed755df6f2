"""Changes of grey levels and colours of one image, float32 [H, W, 3] in 0..255, after Pillow's."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from dmljax.types import GREY


def blend(other: jax.Array, image: jax.Array, factor: jax.Array) -> jax.Array:
    """0: the other; 1: the image; above 1: away from the other. Levels stay in 0..255."""
    return jnp.clip(other + factor * (image - other), 0.0, 255.0)


def grey(image: jax.Array) -> jax.Array:
    """The grey image, in all channels."""
    shares = jnp.asarray(GREY, jnp.float32)[None, None]
    return jnp.broadcast_to((image * shares).sum(2, keepdims=True), image.shape)


def smooth(image: jax.Array) -> jax.Array:
    """A mean over 3x3 pixels, the middle five times; the outermost pixels stay."""
    rows = image[:-2] + image[1:-1] + image[2:]
    whole = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:] + 4 * image[1:-1, 1:-1]
    return image.at[1:-1, 1:-1].set(whole / 13)


def stretch(image: jax.Array) -> jax.Array:
    """Each channel from 0 to 255 (autocontrast); a constant one stays."""
    low, high = image.min((0, 1), keepdims=True), image.max((0, 1), keepdims=True)
    wide = high > low
    return jnp.where(wide, (image - low) * 255 / jnp.where(wide, high - low, 1.0), image)


def equalise(image: jax.Array) -> jax.Array:
    """Each channel so that all levels are about as frequent."""

    def channel(levels):
        whole = jnp.clip(levels, 0.0, 255.0).astype(jnp.int32)
        counts = jnp.zeros(256, jnp.int32).at[whole.ravel()].add(1)
        step = (whole.size - counts[whole.max()]) // 255
        table = jnp.clip((jnp.cumsum(counts) - counts + step // 2) // jnp.maximum(step, 1), 0, 255)
        return jnp.where(step > 0, table[whole].astype(jnp.float32), levels)

    return jax.vmap(channel, 2, 2)(image)


def solarise(image: jax.Array, threshold: jax.Array) -> jax.Array:
    """Levels from the threshold on are turned round."""
    return jnp.where(image >= threshold, 255 - image, image)


def posterise(image: jax.Array, bits: jax.Array) -> jax.Array:
    """Levels keep their first bits, 1 to 8 of them."""
    step = 2.0 ** (8 - bits)
    return jnp.floor(image / step) * step
