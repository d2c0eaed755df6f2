"""Island loss: embeddings gather around a learnt centre for each class, and the centres part."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from dmljax.losses import shapes
from dmljax.losses.distances import normalise
from dmljax.losses.reduce import masked_mean


def island_loss(
    embedding: jax.Array,
    labels: jax.Array,
    centres: jax.Array,
    *,
    between: float,
    axis_name: str | None = None,
) -> tuple[jax.Array, jax.Array]:
    """L = 1/2 mean_i ||e_i - c_{y_i}||^2 + between * sum_{j != k} (cos(c_j, c_k) + 1).

    Cai, Meng, Khan, Li, O'Reilly & Tong: "Island loss for learning discriminative features in facial
    expression recognition", FG 2018. DIFFERS: a mean over the rows instead of a sum, and centres that the
    optimizer learns by the loss's own gradient.

    Args:
      embedding: float32 [N, E], this device's rows.
      labels: int [N]; rows with a negative label do not count.
      centres: float32 [classes, E].
      between: weight of the part between the centres.
      axis_name: the axis over which the batch is spread, or None.

    Returns:
      (this device's share, how many rows on all devices had a label); the loss is 0 without one.

    Raises:
      ValueError: an array of another shape.

    Example:
      >>> import jax.numpy as jnp
      >>> centres = jnp.array([[1.0, 0.0], [0.0, 1.0]])
      >>> share, count = island_loss(jnp.array([[1.0, 2.0]]), jnp.array([0]), centres, between=0.5)
      >>> float(share)  # 1/2 * 4 + 0.5 * 2 * (0 + 1)
      3.0
    """
    shapes.require(embedding=(embedding, "N E"), labels=(labels, "N"), centres=(centres, "classes E"))
    known = labels >= 0
    own = centres[jnp.maximum(labels, 0)]
    within, count = masked_mean(jnp.square(embedding - own).sum(1), known, axis_name=axis_name)
    unit = normalise(centres)
    apart = 1.0 - jnp.eye(len(centres))
    spread = (apart * (jnp.matmul(unit, unit.T, precision=jax.lax.Precision.HIGHEST) + 1.0)).sum()
    return 0.5 * within + jnp.where(count > 0, between * spread, 0.0), count
