"""Distances between embeddings (eq. 1 of the paper)."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from dmljax.losses import shapes

# Up to this many products the differences are formed one by one: exact to rounding, and never negative.
_EXPLICIT = 1 << 24


def squared_distances(a: jax.Array, b: jax.Array) -> jax.Array:
    """D(a, b) = ||a - b||^2 for every pair (eq. 1).

    Args:
      a: float [A, D].
      b: float [R, D].

    Returns:
      float32 [A, R], not negative. Large inputs go through a matrix product at the highest precision, whose
      rounding error is relative to the norms; small ones do not.

    Raises:
      ValueError: an array of another shape.

    Example:
      >>> import jax.numpy as jnp
      >>> squared_distances(jnp.array([[0.0, 0.0]]), jnp.array([[3.0, 4.0], [1.0, 0.0]])).tolist()
      [[25.0, 1.0]]
    """
    shapes.require(a=(a, "A D"), b=(b, "R D"))
    a, b = a.astype(jnp.float32), b.astype(jnp.float32)
    if a.shape[0] * b.shape[0] * a.shape[1] <= _EXPLICIT:
        return jnp.square(a[:, None, :] - b[None, :, :]).sum(-1)
    norms = jnp.square(a).sum(-1)[:, None] + jnp.square(b).sum(-1)[None, :]
    return jnp.maximum(norms - 2 * jnp.matmul(a, b.T, precision=jax.lax.Precision.HIGHEST), 0.0)


def normalise(embedding: jax.Array) -> jax.Array:
    """Rows to unit length, float32 [N, D]; a row of zeros stays zero, with a zero gradient.

    Example:
      >>> import jax.numpy as jnp
      >>> normalise(jnp.array([[3.0, 4.0], [0.0, 0.0]])).round(3).tolist()[1]
      [0.0, 0.0]
    """
    embedding = embedding.astype(jnp.float32)
    squares = jnp.square(embedding).sum(-1, keepdims=True)
    zero = squares < 1e-24
    return jnp.where(zero, 0.0, embedding * jax.lax.rsqrt(jnp.where(zero, 1.0, squares)))
