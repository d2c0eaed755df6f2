"""Labelled samples behind the losses: what a micro-batch on a device counts for in the loss of a step."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from dmljax.weightings import products
from dmljax.weightings.losses import Behind, Layout, Vector


class Counts(NamedTuple):
    """What is behind the losses, over all devices; with a leading axis by micro-batch.

    Attributes:
      samples: behind each of the P means, float [P]; None where nothing is said of samples.
      valid: whether there was anything for the task, bool [K].
    """

    samples: Any
    valid: jax.Array


def known(own: Behind) -> bool:
    """Whether anything is said of labelled samples; static. Else every part counts the same."""
    return own.counts is not None or own.valid is not None


def over_devices(own: Behind, layout: Layout, axis_name: str | None) -> Counts:
    """What is behind the losses of one micro-batch."""
    valid = None if own.valid is None else products.anywhere(own.valid, axis_name)
    if own.counts is None:
        assert valid is not None  # one of them is given, see `known`
        return Counts(valid.astype(float) * size(axis_name), valid)
    samples = own.counts
    if axis_name is not None:
        samples = jax.lax.psum(products.varying(samples, axis_name), axis_name)
    if valid is None:
        valid = by_task(layout, (samples > 0).astype(jnp.int32)) > 0
    return Counts(samples, valid)


def whole(by_micro_batch: Counts) -> Counts:
    """What is behind the losses of a step of several micro-batches."""
    return Counts(by_micro_batch.samples.sum(0), by_micro_batch.valid.any(0))


def of_half(by_micro_batch: Counts, first: int, last: int) -> jax.Array:
    """What the mean over some micro-batches of a step is multiplied by to be a step of its own, [P].

    Shares are made for the whole step: in a half that holds more labels than the other they are too large.
    """
    count, samples = len(by_micro_batch.samples), by_micro_batch.samples
    own = samples[first:last].sum(0)
    factor = samples.sum(0) * (last - first) / (count * jnp.where(own > 0, own, 1.0))
    return jnp.where(own > 0, factor, 0.0)


def shares(vector: Vector, total: Counts, micro_batches: int, axis_name: str | None) -> jax.Array:
    """Means [P] so weighted that their mean over micro-batches and devices is the mean over all samples."""
    own = vector.behind.counts
    if own is None:
        own = products.anywhere(vector.behind.valid, axis_name).astype(float)
    parts = micro_batches * size(axis_name)
    factor = own * parts / jnp.where(total.samples > 0, total.samples, 1.0)
    exact = jnp.promote_types(vector.values.dtype, factor.dtype)
    share = jnp.where(own > 0, vector.values.astype(exact) * factor.astype(exact), 0.0)
    return share.astype(vector.values.dtype)


def size(axis_name: str | None) -> int:
    """How many devices share a batch."""
    return 1 if axis_name is None else jax.lax.axis_size(axis_name)


def by_task(layout: Layout, means: jax.Array) -> jax.Array:
    """[P, ...] -> [K, ...]: what belongs to one task is added up."""
    if len(layout.owners) == layout.size:
        return means
    groups = [[mean for mean, owner in zip(means, layout.owners) if owner == k] for k in range(layout.size)]
    return jnp.stack([sum(group[1:], group[0]) for group in groups])


def of_task(layout: Layout, values: jax.Array) -> jax.Array:
    """[K, ...] -> [P, ...]: what each mean has of its task, the other way round."""
    return values if len(layout.owners) == layout.size else values[jnp.array(layout.owners)]
