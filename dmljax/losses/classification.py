"""Cross-entropy of a head, with missing labels."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def cross_entropy(logits: jax.Array, labels: jax.Array) -> tuple[jax.Array, jax.Array]:
    """-log softmax(logits)[label] of every row.

    Args:
      logits: float [N, C].
      labels: int [N], 0..C-1; negative where missing.

    Returns:
      (loss float32 [N], valid bool [N]); the loss and its gradient are 0 where the label is missing.

    Example:
      >>> import jax.numpy as jnp
      >>> loss, valid = cross_entropy(jnp.zeros((2, 4)), jnp.array([3, -1]))
      >>> [round(float(value), 4) for value in loss], valid.tolist()  # log 4; no label
      ([1.3863, 0.0], [True, False])
    """
    valid = labels >= 0
    log_probability = jax.nn.log_softmax(logits.astype(jnp.float32))
    chosen = jnp.take_along_axis(log_probability, jnp.where(valid, labels, 0)[:, None], axis=1)[:, 0]
    return jnp.where(valid, -chosen, 0.0), valid
