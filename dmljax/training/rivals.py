"""Metric losses that take the triplets' place or stand beside them, by name, over many devices."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from dmljax.losses.contrastive import Means, identity_aware_means
from dmljax.losses.distances import normalise
from dmljax.losses.island import island_loss
from dmljax.losses.relations import identity_relation
from dmljax.losses.tuplet import tuplet_loss
from dmljax.types import EXPRESSION, IDENTITY


def _contrastive(rows, labels, every, every_labels, centres, first, *, margin, normalised, axis_name):
    del centres
    itself = (first + jnp.arange(len(rows)))[:, None] == jnp.arange(len(every))[None, :]
    relations = []
    for label in (EXPRESSION, IDENTITY):
        own, other = labels[label][:, None], every_labels[label][None, :]
        known = (own >= 0) & (other >= 0) & ~itself
        relations.append((known & (own == other), known & (own != other)))
    return identity_aware_means(
        rows, every, relations, margin=margin, normalised=normalised, axis_name=axis_name
    )


def _island(rows, labels, every, every_labels, centres, first, *, between, normalised, axis_name):
    del every, every_labels, first
    points = normalise(rows) if normalised else rows
    return (island_loss(points, labels[EXPRESSION], centres, between=between, axis_name=axis_name),)


def _tuplet(rows, labels, every, every_labels, centres, first, *, threshold, margin, normalised, axis_name):
    del centres, first
    relation = identity_relation(
        labels[EXPRESSION], labels[IDENTITY], every_labels[EXPRESSION], every_labels[IDENTITY]
    )
    if normalised:
        rows, every = normalise(rows), normalise(every)
    return (tuplet_loss(rows, every, *relation, threshold=threshold, margin=margin, axis_name=axis_name),)


_LOSSES = {"contrastive": _contrastive, "island": _island, "tuplet": _tuplet}
NAMES = tuple(_LOSSES)
CENTRES = frozenset({"island"})  # those that need a learnt centre for each expression


def loss(
    name: str,
    rows: jax.Array,
    labels: dict,
    every: jax.Array,
    every_labels: dict,
    centres,
    *,
    constants: tuple,
    normalised: bool,
    axis_name: str | None,
) -> Means:
    """One of them: the means that it is the sum of, each with what it is taken over.

    Args:
      rows: embedding, float32 [N, E], not normalised; labels: name -> int [N], negative where missing.
      every, every_labels: the same of the rows of all devices in turn, or of this one alone.
      centres: float32 [expressions, E], or None.
      constants: pairs (name, value), the loss's own: 'margin'; 'between'; 'threshold' and 'margin'.
    """
    spread = axis_name is not None and len(every) > len(rows)
    first = jax.lax.axis_index(axis_name) * len(rows) if spread else 0
    return _LOSSES[name](
        rows,
        labels,
        every,
        every_labels,
        centres,
        first,
        **dict(constants),
        normalised=normalised,
        axis_name=axis_name,
    )
