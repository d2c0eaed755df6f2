"""Contrastive losses for expression and for identity, each on its half of the embedding (IACNN)."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from dmljax.losses import shapes
from dmljax.losses.distances import normalise, squared_distances
from dmljax.losses.reduce import masked_mean

# (this device's share of a mean, how many it is taken over on all devices), one after another
Means = tuple[tuple[jax.Array, jax.Array], ...]


def contrastive_loss(
    distances: jax.Array, same: jax.Array, other: jax.Array, *, margin: float, axis_name: str | None = None
) -> tuple[jax.Array, jax.Array]:
    """Pairs of one class are drawn together, others apart up to a margin (Hadsell, Chopra & LeCun 2006).

        L = 1/2 mean_same D + 1/2 mean_other max(0, m - sqrt(D))^2

    DIFFERS: means over each kind of pair, not one sum, so that the many unlike pairs do not drown the few
    alike.

    Args:
      distances: squared, float32 [A, R].
      same, other: bool [A, R], pairs of one class, and of two.
      margin: m, a distance.
      axis_name: the axis over which the batch is spread, or None.

    Returns:
      (this device's share, float32 scalar; how many pairs there were on all devices, float32 scalar).

    Raises:
      ValueError: an array of another shape.

    Example:
      >>> import jax.numpy as jnp
      >>> distances = jnp.array([[0.0, 4.0, 0.25]])
      >>> same, other = jnp.array([[False, True, False]]), jnp.array([[False, False, True]])
      >>> share, count = contrastive_loss(distances, same, other, margin=1.0)
      >>> float(share), float(count)  # (4 + (1 - 0.5)^2) / 2
      (2.125, 2.0)
    """
    return _sum(contrastive_means(distances, same, other, margin=margin, axis_name=axis_name))


def contrastive_means(
    distances: jax.Array, same: jax.Array, other: jax.Array, *, margin: float, axis_name: str | None = None
) -> Means:
    """The two halves of `contrastive_loss`, whose arguments and errors it has.

    Returns:
      (this device's share, how many pairs it is a mean over on all devices), float32 scalars, of pairs of one
      class, then of two; their shares add up to the loss.
    """
    shapes.require(distances=(distances, "A R"), same=(same, "A R"), other=(other, "A R"))
    # the root's gradient is infinite at 0; a pair in one point has no direction to part in
    far = distances > 1e-12
    root = jnp.where(far, jnp.sqrt(jnp.where(far, distances, 1.0)), 0.0)
    alike, count = masked_mean(distances, same, axis_name=axis_name)
    unlike, others = masked_mean(jnp.square(jax.nn.relu(margin - root)), other, axis_name=axis_name)
    return (0.5 * alike, count), (0.5 * unlike, others)


def identity_aware_loss(
    embedding: jax.Array,
    references: jax.Array,
    relations,
    *,
    margin: float,
    normalised: bool,
    axis_name: str | None = None,
) -> tuple[jax.Array, jax.Array]:
    """Contrastive losses for expression on one half of the embedding and for identity on the other.

    After Meng, Liu, Cai, Han & Tong: "Identity-aware convolutional neural network for facial expression
    recognition", FG 2017; the heads read both halves, as there the joint layer does. DIFFERS: one trunk for
    all pairs of the mini-batch, and no softmax of the expression half alone.

    Args:
      embedding, references: float32 [A, E] and [R, E], this device's rows and all.
      relations: (same, other) for expression, then for identity, bool [A, R] each; the pair of a row with
        itself is neither.
      normalised: take each half to unit length.

    Returns:
      (this device's share, how many pairs there were on all devices), float32 scalars.

    Raises:
      ValueError: an array of another shape.

    Example:
      >>> import jax.numpy as jnp
      >>> rows = jnp.array([[0.0, 0.0], [2.0, 0.0]])
      >>> none, pair = jnp.zeros((2, 2), bool), ~jnp.eye(2, dtype=bool)
      >>> share, count = identity_aware_loss(
      ...     rows, rows, ((pair, none), (none, none)), margin=1.0, normalised=False
      ... )
      >>> float(share)  # 1/2 of the squared distance between the two expressions' halves
      2.0
    """
    means = identity_aware_means(
        embedding, references, relations, margin=margin, normalised=normalised, axis_name=axis_name
    )
    return _sum(means)


def identity_aware_means(
    embedding: jax.Array,
    references: jax.Array,
    relations,
    *,
    margin: float,
    normalised: bool,
    axis_name: str | None = None,
) -> Means:
    """The four means of `identity_aware_loss`, whose arguments and errors it has.

    Returns:
      What `contrastive_means` does for expression, then for identity; their shares add up to the loss.
    """
    shapes.require(embedding=(embedding, "A E"), references=(references, "R E"))
    if not isinstance(relations, tuple | list) or len(relations) != 2:
        given = (
            f"{len(relations)} of them" if isinstance(relations, tuple | list) else type(relations).__name__
        )
        raise ValueError(
            f"relations must be two pairs of masks, for expression and for identity; got {given}"
        )
    half = embedding.shape[1] // 2
    means: Means = ()
    for (same, other), part in zip(relations, (slice(None, half), slice(half, None))):
        a, b = embedding[:, part], references[:, part]
        distances = squared_distances(normalise(a), normalise(b)) if normalised else squared_distances(a, b)
        means += contrastive_means(distances, same, other, margin=margin, axis_name=axis_name)
    return means


def _sum(means: Means) -> tuple[jax.Array, jax.Array]:
    shares, counts = zip(*means)
    return sum(shares[1:], shares[0]), sum(counts[1:], counts[0])
