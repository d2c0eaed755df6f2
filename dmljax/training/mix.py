"""Mix-up and cut-mix for the expression head: images of two expressions in one, in some of the five-tuples.

Zhang et al., arXiv:1710.09412; Yun et al., arXiv:1905.04899. Mining compares images by their labels, and a
mixed one has none. So a five-tuple is mixed as a whole or not at all, and a mixed one counts for the
expression head alone: its labels are missing for the heads of pose and angles and for the metric losses,
which see the other tuples of the same step. No image goes through the network twice.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from dmljax import fields
from dmljax.fields import Field
from dmljax.types import ANGLES, EXPRESSION, LABELS, MISSING, TUPLE_SIZE, UserError

FIELDS = {
    "mixup": Field(
        0.0,
        "Five-tuples, or images without them, blended with one another, for the expression head alone.",
        unit="probability",
        least=0,
        most=1,
    ),
    "cutmix": Field(
        0.0,
        "Five-tuples, or images without them, with rectangles of one another, for that head alone.",
        unit="probability",
        least=0,
        most=1,
    ),
    "mixup_alpha": Field(0.2, "Shares in mix-up are drawn from Beta(alpha, alpha).", above=0),
    "cutmix_alpha": Field(1.0, "Areas in cut-mix are drawn from Beta(alpha, alpha).", above=0),
}

MIXED = "mixed"  # key of a batch's labels under which a `Mixed` lies
_KEY = 2**31 - 3  # folded into a step's key; no row of a batch has that number


class Options(NamedTuple):
    """Static; meanings and ranges are those of `FIELDS`."""

    mixup: float = FIELDS["mixup"].default
    cutmix: float = FIELDS["cutmix"].default
    mixup_alpha: float = FIELDS["mixup_alpha"].default
    cutmix_alpha: float = FIELDS["cutmix_alpha"].default


class Mixed(NamedTuple):
    """The expressions in each row's image: int32 [N], `MISSING` where it is not mixed; `share` float32 [N] is
    that of the first.
    """

    first: jax.Array
    second: jax.Array
    share: jax.Array


def check(options: Options, tasks: tuple[str, ...]) -> Options:
    """The options for a training of these tasks.

    Raises:
      UserError: a number out of its range, or no five-tuple would be left for the other tasks.
    """
    fields.check({"mix": FIELDS}, {"mix": options._asdict()})
    whole = options.mixup + options.cutmix
    others = [task for task in tasks if task != EXPRESSION]
    if whole > 1 or (whole == 1 and others):
        why = f"below 1, which leaves unmixed images to: {', '.join(others)}" if others else "at most 1"
        raise UserError(f"mix.mixup and mix.cutmix together must be {why}; got {whole:g}")
    return options


def mix(
    key: jax.Array,
    images: jax.Array,
    labels: dict[str, jax.Array],
    rows: jax.Array,
    options: Options,
    *,
    together: int = TUPLE_SIZE,
) -> tuple[jax.Array, dict]:
    """Images of which some are mixed, and the labels; a function of the key and of each row's number.

    Args:
      key: a random key that is the same on every device.
      images: float32 [N, H, W, C].
      labels: 'expression', 'pose', 'identity' -> int32 [N]; by choice 'angles' -> float32 [N, 3].
      rows: int32 [N], each row's number in the global batch.
      together: consecutive rows that are mixed with one another, or not at all. 1: each row for itself, with
        any other of this device.

    Returns:
      images; labels, missing where an image is mixed; and its expressions as a `Mixed`, by the name 'mixed'.
    """
    if not options.mixup + options.cutmix:
        return images, labels
    size = together if together > 1 else len(rows)
    keys = jax.vmap(lambda row: jax.random.fold_in(jax.random.fold_in(key, _KEY), row))(rows)
    draws = jax.vmap(lambda k: jax.random.uniform(jax.random.fold_in(k, 0), (4,)))(keys)
    of_first = lambda values, count: jnp.repeat(values.reshape(-1, count)[:, 0], count)
    decision = of_first(draws[:, 0], together)
    place = jnp.arange(len(rows))
    turn = 1 + jnp.floor(of_first(draws[:, 1], size) * (size - 1)).astype(place.dtype)
    partner = place // size * size + (place + turn) % size
    blended, cut = decision < options.mixup, (decision >= options.mixup)
    cut &= decision < options.mixup + options.cutmix
    inside, covered = _rectangles(keys, draws[:, 2:], images.shape[1:3], options.cutmix_alpha)
    alpha = options.mixup_alpha
    drawn = jax.vmap(lambda k: jax.random.beta(jax.random.fold_in(k, 2), alpha, alpha))(keys)
    of_partner = jnp.where(cut[:, None, None], inside, jnp.where(blended, 1 - drawn, 0.0)[:, None, None])
    pixels = images + of_partner[..., None] * (images[partner] - images)
    mixed = blended | cut
    expressions = Mixed(
        jnp.where(mixed, labels[EXPRESSION], MISSING),
        jnp.where(mixed, labels[EXPRESSION][partner], MISSING),
        jnp.where(cut, 1 - covered, drawn),
    )
    kept = {name: jnp.where(mixed, MISSING, labels[name]) for name in LABELS}
    if ANGLES in labels:
        kept[ANGLES] = jnp.where(mixed[:, None], jnp.nan, labels[ANGLES])
    return jnp.where(mixed[:, None, None, None], pixels, images), labels | kept | {MIXED: expressions}


def _rectangles(keys, centres, shape, alpha):
    """(which pixels are the partner's, float32 [N, H, W]; their share of the image, float32 [N])."""
    area = jax.vmap(lambda k: 1 - jax.random.beta(jax.random.fold_in(k, 1), alpha, alpha))(keys)
    half = jnp.sqrt(area)[:, None] / 2

    def within(length, centre):
        middle = (jnp.arange(length, dtype=jnp.float32)[None] + 0.5) / length
        return (jnp.abs(middle - centre[:, None]) < half).astype(jnp.float32)

    down, right = within(shape[0], centres[:, 0]), within(shape[1], centres[:, 1])
    inside = down[:, :, None] * right[:, None, :]
    return inside, inside.mean((1, 2))
