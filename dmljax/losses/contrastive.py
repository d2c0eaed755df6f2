"""Contrastive losses for expression and for identity, each on its half of the embedding (IACNN)."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from dmljax.losses.distances import normalise, squared_distances
from dmljax.losses.reduce import masked_mean


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
      (this device's share, float32 scalar; whether there was any pair, bool scalar).

    Example:
      >>> import jax.numpy as jnp
      >>> distances = jnp.array([[0.0, 4.0, 0.25]])
      >>> same, other = jnp.array([[False, True, False]]), jnp.array([[False, False, True]])
      >>> share, valid = contrastive_loss(distances, same, other, margin=1.0)
      >>> float(share), bool(valid)  # (4 + (1 - 0.5)^2) / 2
      (2.125, True)
    """
    # the root's gradient is infinite at 0; a pair in one point has no direction to part in
    far = distances > 1e-12
    root = jnp.where(far, jnp.sqrt(jnp.where(far, distances, 1.0)), 0.0)
    alike, count = masked_mean(distances, same, axis_name=axis_name)
    unlike, others = masked_mean(jnp.square(jax.nn.relu(margin - root)), other, axis_name=axis_name)
    return 0.5 * (alike + unlike), count + others > 0


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
      (this device's share, whether there was any pair).

    Example:
      >>> import jax.numpy as jnp
      >>> rows = jnp.array([[0.0, 0.0], [2.0, 0.0]])
      >>> none, pair = jnp.zeros((2, 2), bool), ~jnp.eye(2, dtype=bool)
      >>> share, valid = identity_aware_loss(
      ...     rows, rows, ((pair, none), (none, none)), margin=1.0, normalised=False
      ... )
      >>> float(share)  # 1/2 of the squared distance between the two expressions' halves
      2.0
    """
    half = embedding.shape[1] // 2
    share, valid = jnp.float32(0.0), jnp.bool_(False)
    for (same, other), part in zip(relations, (slice(None, half), slice(half, None))):
        a, b = embedding[:, part], references[:, part]
        distances = squared_distances(normalise(a), normalise(b)) if normalised else squared_distances(a, b)
        loss, found = contrastive_loss(distances, same, other, margin=margin, axis_name=axis_name)
        share, valid = share + loss, valid | found
    return share, valid
