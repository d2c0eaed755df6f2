"""IMTL-G (Liu et al., ICLR 2021): the combination whose projections on all unit gradients are equal.

v = G^+ n,   n_k = |g_k|;   w = v / sum v
"""

from __future__ import annotations

import jax.numpy as jnp

from dmljax.weightings.interface import Weighting
from dmljax.weightings.parts import even
from dmljax.weightings.solvers import pseudo_inverse, strategy

TRAITS = frozenset({"signed"})


def build() -> Weighting:
    """Weights for which the direction has equal projections on all gradients; they sum to 1.

    They may be negative: a long gradient is turned back. Where weights would grow without bound (sum v near
    0) each task counts the same.
    """

    def solve(gram, present):
        lengths = jnp.where(present, jnp.sqrt(jnp.diag(gram)), 0)
        v = pseudo_inverse(gram, present)[0] @ lengths
        total = v.sum()
        steady = jnp.abs(total) > 1e-4 * jnp.abs(v).sum()
        return jnp.where(steady, v / jnp.where(steady, total, 1), even(present))

    return strategy(solve)
