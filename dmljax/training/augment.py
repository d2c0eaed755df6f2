"""Augmentation on the device, a stateless function of (seed, step, row), whatever the feed and device count.

The steps of `FIELDS` come first, in one order; then a chain of steps that each change one image.

A five-tuple is flipped as a whole and its poses and angles are mirrored with it. So every relation inside it
still holds: flipping one image alone would change its pose and break the tuple. All else is drawn per image.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from dmljax import fields
from dmljax.fields import Field
from dmljax.types import ANGLE_MIRROR, ANGLES, MISSING, POSE, TUPLE_SIZE

FIELDS = {
    "flip": Field(
        0.0,
        "Horizontal flip of a five-tuple or image, not taken where a pose has no mirror image in the set.",
        unit="probability",
        least=0,
        most=1,
    ),
    "shift": Field(
        0.0,
        "Largest shift, by which uncovered pixels repeat the border.",
        unit="share of the side",
        least=0,
        most=1,
    ),
    "scale": Field(0.0, "Largest change of size.", unit="share of the size", least=0, below=1),
    "brightness": Field(
        0.0,
        "Largest change of all grey levels, which standardisation undoes but for what is clipped.",
        unit="share of 255",
        least=0,
        most=1,
    ),
    "contrast": Field(
        0.0,
        "Largest change of the deviation from the image's mean, which standardisation undoes but for what is"
        " clipped.",
        unit="share of the deviation",
        least=0,
        most=1,
    ),
    "erase": Field(0.0, "Filling a rectangle with the image's mean.", unit="probability", least=0, most=1),
    "erase_area": Field(0.2, "Largest rectangle that is filled.", unit="share of the image", least=0, most=1),
}


FIRST = ("flip", "shift", "scale", "brightness", "contrast", "erase")  # any of them is something to do


class Options(NamedTuple):
    """Static; all zero: images pass unchanged. Meanings and ranges are those of `FIELDS`.

    Attributes:
      chain: further steps: (key, float32 [H, W, C] in 0..255) -> the same.
    """

    flip: float = FIELDS["flip"].default
    shift: float = FIELDS["shift"].default
    scale: float = FIELDS["scale"].default
    brightness: float = FIELDS["brightness"].default
    contrast: float = FIELDS["contrast"].default
    erase: float = FIELDS["erase"].default
    erase_area: float = FIELDS["erase_area"].default
    chain: tuple[Callable[[jax.Array, jax.Array], jax.Array], ...] = ()


def check(options: Options) -> Options:
    """The options, or a UserError that names each field out of its range."""
    given = {name: value for name, value in options._asdict().items() if name in FIELDS}
    fields.check({"augment": FIELDS}, {"augment": given})
    return options


def augment(
    key: jax.Array,
    images: jax.Array,
    labels: dict[str, jax.Array],
    rows: jax.Array,
    mirror: tuple[int, ...],
    options: Options,
    *,
    together: int = TUPLE_SIZE,
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Augmented images and their labels.

    Args:
      key: a random key that is the same on every device.
      images: uint8 [N, H, W, C], whole five-tuples one after another where `together` is 5.
      labels: with 'pose' -> int32 [N]; 'angles' -> degrees, float32 [N, 3], if there are any. Others pass.
      rows: int32 [N], each row's number in the global batch; with the key it determines the row's draws.
      mirror: pose class after a flip, MISSING where there is none.
      together: consecutive rows that are flipped as one.

    Returns:
      float32 [N, H, W, C] in 0..255, and the labels.
    """
    pixels = images.astype(jnp.float32)
    if any(getattr(options, name) for name in FIRST):
        pixels, labels = _first(key, pixels, labels, rows, mirror, options, together)
    for k, step in enumerate(options.chain):
        keys = jax.vmap(lambda row, k=k: jax.random.fold_in(jax.random.fold_in(key, row), k))(rows)
        pixels = jnp.clip(jax.vmap(step)(keys, pixels), 0.0, 255.0)
    return pixels, labels


def _first(key, pixels, labels, rows, mirror, options: Options, together: int):
    """The steps of `FIELDS`: flip, shift and size by one look-up, grey levels, a rectangle."""
    draws = jax.vmap(lambda row: jax.random.uniform(jax.random.fold_in(key, row), (10,)))(rows)
    signed = 2 * draws - 1
    flipped = jnp.zeros(len(rows), bool)
    if options.flip:
        flipped = _flips(draws[:, 0], labels[POSE], mirror, options.flip, together)
        labels = labels | _turned(labels, flipped, mirror)
    if options.flip or options.shift or options.scale:
        pixels = jax.vmap(_resample)(
            pixels,
            flipped,
            options.shift * signed[:, 1],
            options.shift * signed[:, 2],
            1 + options.scale * signed[:, 3],
        )
    if options.brightness or options.contrast:
        mean = pixels.mean((1, 2, 3), keepdims=True)
        gain = 1 + options.contrast * signed[:, 4]
        lift = 255 * options.brightness * signed[:, 5]
        pixels = jnp.clip(
            mean + (pixels - mean) * gain[:, None, None, None] + lift[:, None, None, None], 0.0, 255.0
        )
    if options.erase:
        pixels = jax.vmap(_erase, (0, 0, None))(pixels, draws[:, 6:], options)
    return pixels, labels


def _turned(labels, flipped, mirror):
    """The labels that a flip changes."""
    pose = labels[POSE]
    found = {POSE: jnp.where(flipped, _mirrored(pose, mirror), pose)}
    if ANGLES in labels:
        factors = jnp.array(ANGLE_MIRROR, jnp.float32)[None]
        found[ANGLES] = jnp.where(flipped[:, None], factors * labels[ANGLES], labels[ANGLES])
    return found


def _mirrored(pose, mirror):
    known = jnp.asarray((*mirror, MISSING), jnp.int32)  # a set may have no pose at all
    return known[jnp.where(pose >= 0, pose, len(mirror))]


def _flips(draw, pose, mirror, probability, together):
    """bool [N]: one decision for `together` rows, that of the first; only where every labelled pose has a
    mirror.
    """
    possible = (pose < 0) | (_mirrored(pose, mirror) >= 0)
    tuples = (draw.reshape(-1, together)[:, 0] < probability) & possible.reshape(-1, together).all(1)
    return jnp.repeat(tuples, together)


def _resample(image, flipped, down, right, scale):
    """Bilinear; every output pixel looks up one place per axis, so two small matrices do it."""

    def matrix(length, offset, mirrored):
        centre = (length - 1) / 2
        place = jnp.arange(length, dtype=jnp.float32)
        place = jnp.where(mirrored, length - 1 - place, place)
        source = jnp.clip((place - centre) / scale + centre - offset * length, 0, length - 1)
        return jnp.maximum(0.0, 1 - jnp.abs(source[:, None] - jnp.arange(length, dtype=jnp.float32)[None, :]))

    rows, columns = matrix(image.shape[0], down, False), matrix(image.shape[1], right, flipped)
    exact = jax.lax.Precision.HIGHEST  # grey levels up to 255 would lose their last bits otherwise
    return jnp.einsum("hi,ijc,wj->hwc", rows, image, columns, precision=exact)


def _erase(image, draw, options):
    height, width = image.shape[:2]
    happens, area, y, x = draw[0] < options.erase, draw[1] * options.erase_area, draw[2], draw[3]
    side = jnp.sqrt(area)
    inside_y = jnp.abs((jnp.arange(height, dtype=jnp.float32) + 0.5) / height - y) < side / 2
    inside_x = jnp.abs((jnp.arange(width, dtype=jnp.float32) + 0.5) / width - x) < side / 2
    hole = happens & inside_y[:, None] & inside_x[None, :]
    return jnp.where(hole[..., None], image.mean(), image)
