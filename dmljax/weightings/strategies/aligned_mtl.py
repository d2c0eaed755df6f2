"""Aligned-MTL: the gradients made orthogonal and equally long, so that none dominates."""

from __future__ import annotations

import jax.numpy as jnp

from dmljax.weightings.interface import Weighting
from dmljax.weightings.parts import count, even
from dmljax.weightings.solvers import eigen, strategy

TRAITS = frozenset({"signed"})

SCALES = ("min", "median", "rmse")


def build(*, scale: str = "min") -> Weighting:
    """Makes the tasks' gradients orthogonal and equally long, then averages them.

    With the eigenvalues s and eigenvectors V of the Gram matrix, over the eigenvalues that are not 0:

        G = V diag(s) V^T;   w = scale V diag(s)^(-1/2) V^T 1 / K

    Senushkin et al., CVPR 2023.

    Weights may be negative. LibMTL sums where this and TorchJD average: 1 in place of 1 / K.

    Needs the Gram matrix of the tasks' gradients. Cost: a forward pass and K pull-backs through the shared
    parameters; with a `representation`, K through what comes after it and one through what comes before.

    Args:
      scale: the common length, the root of the eigenvalues' 'min' (the paper's), 'median' or mean ('rmse').

    Raises:
      ValueError: an unknown scale.

    Example:
      >>> import jax.numpy as jnp
      >>> from dmljax import weightings
      >>> strategy = weightings.aligned_mtl()
      >>> signals = weightings.Signals(jnp.array([1.0, 2.0]), gram=jnp.array([[4.0, 0.0], [0.0, 1.0]]))
      >>> weights = strategy.update(signals, strategy.init(("depth", "normals")))[0]
      >>> [round(float(w), 3) for w in weights]
      [0.25, 0.5]
    """
    if scale not in SCALES:
        raise ValueError(f"scale must be one of {', '.join(SCALES)}, got '{scale}'")

    def solve(gram, present):
        values, vectors, kept = eigen(gram, present)
        if scale == "min":
            common = jnp.min(jnp.where(kept, values, jnp.inf))
        elif scale == "median":
            # the lower one of an even number, as eigenvalues are sorted
            ordered = jnp.sort(jnp.where(kept, values, jnp.inf))
            common = ordered[(jnp.maximum(kept.sum(), 1) - 1) // 2]
        else:
            common = jnp.where(kept, values, 0).sum() / count(kept, gram.dtype)
        root = jnp.where(kept, jnp.sqrt(common / jnp.where(kept, values, 1)), 0)
        return (vectors * root[None]) @ (vectors.T @ even(present, gram.dtype))

    return strategy(solve)
