"""Aligned-MTL (Senushkin et al., CVPR 2023): the gradients made orthogonal and equally long, so that none
dominates.

    G = V diag(s) V^T;   w = scale V diag(s)^(-1/2) V^T 1 / K over the eigenvalues that are not 0
"""

from __future__ import annotations

import jax.numpy as jnp

from dmljax.weightings.interface import Weighting
from dmljax.weightings.parts import count, even
from dmljax.weightings.solvers import pseudo_inverse, strategy

TRAITS = frozenset({"signed"})

SCALES = ("min", "median", "rmse")


def build(*, scale: str = "min") -> Weighting:
    """Weights that make the tasks' gradients orthogonal and equally long. They may be negative.

    Args:
      scale: the common length, the root of the eigenvalues' 'min' (the paper's), 'median' or mean ('rmse').

    Raises:
      ValueError: an unknown scale.
    """
    if scale not in SCALES:
        raise ValueError(f"scale must be one of {', '.join(SCALES)}, got '{scale}'")

    def solve(gram, present):
        _, values, vectors, kept = pseudo_inverse(gram, present)
        if scale == "min":
            common = jnp.min(jnp.where(kept, values, jnp.inf))
        elif scale == "median":
            # the lower one of an even number, as eigenvalues are sorted
            ordered = jnp.sort(jnp.where(kept, values, jnp.inf))
            common = ordered[(jnp.maximum(kept.sum(), 1) - 1) // 2]
        else:
            common = jnp.where(kept, values, 0).sum() / count(present)
        root = jnp.where(kept, jnp.sqrt(common / jnp.where(kept, values, 1)), 0)
        return (vectors * root[None]) @ (vectors.T @ even(present))

    return strategy(solve)
