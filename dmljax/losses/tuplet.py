"""(N+M)-tuplet cluster loss: positives gather around their centre, the person's others keep away."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from dmljax.losses import shapes
from dmljax.losses.distances import squared_distances
from dmljax.losses.reduce import masked_mean


def tuplet_loss(
    points: jax.Array,
    references: jax.Array,
    positive: jax.Array,
    negative: jax.Array,
    *,
    threshold: float,
    margin: float,
    axis_name: str | None = None,
) -> tuple[jax.Array, jax.Array]:
    """The (N+M)-tuplet cluster loss: positives gather around their centre, negatives keep away.

    For an anchor with its M positives P and N negatives Q, around the centre c of P and the anchor:

        L = mean_{i in P and anchor} max(0, D(i, c) - T + m/2) + mean_{j in Q} max(0, T + m/2 - D(j, c)),

    a mean over the anchors.

    Liu, Kumar, Jia & You: "Adaptive deep metric learning for identity-aware facial expression recognition",
    CVPR workshops 2017. As there, the negatives are the same person's other expressions (the identity
    relation). DIFFERS: T is a field, not learnt.

    Args:
      points, references: float32 [A, E] and [R, E], this device's anchors and all rows.
      positive, negative: bool [A, R]; no row is a positive of itself.
      threshold, margin: T and m, in squared distance.
      axis_name: the axis over which the batch is spread, or None.

    Returns:
      (this device's share, how many anchors on all devices had both a positive and a negative).

    Raises:
      ValueError: an array of another shape.

    Example:
      >>> import jax.numpy as jnp
      >>> points = jnp.array([[0.0], [2.0], [1.0]])
      >>> positive, negative = jnp.array([[False, True, False]]), jnp.array([[False, False, True]])
      >>> share, count = tuplet_loss(points[:1], points, positive, negative, threshold=0.5, margin=1.0)
      >>> float(share)  # the centre is 1: mean(1, 1) + 1
      2.0
    """
    shapes.require(
        points=(points, "A E"),
        references=(references, "R E"),
        positive=(positive, "A R"),
        negative=(negative, "A R"),
    )
    valid = positive.any(1) & negative.any(1)
    members, rivals = positive.astype(jnp.float32), negative.astype(jnp.float32)
    count = members.sum(1) + 1.0
    centre = (points + jnp.matmul(members, references, precision=jax.lax.Precision.HIGHEST)) / count[:, None]
    distances = squared_distances(centre, references)
    outside = lambda d: jax.nn.relu(d - threshold + margin / 2)
    own = outside(jnp.square(points - centre).sum(1))
    gathered = (own + (members * outside(distances)).sum(1)) / count
    parted = (rivals * jax.nn.relu(threshold + margin / 2 - distances)).sum(1) / jnp.maximum(
        rivals.sum(1), 1.0
    )
    return masked_mean(gathered + parted, valid, axis_name=axis_name)
