"""ConFIG (Liu, Chu & Thuerey, ICLR 2025): equal angles to all gradients, and the length that their
projections sum up to.

    x = (U U^T)^+ 1,  U the unit gradients;   d = sum_k x_k u_k;   direction = d / |d| sum_k g_k . d / |d|
"""

from __future__ import annotations

import jax.numpy as jnp

from dmljax.weightings.interface import Weighting
from dmljax.weightings.solvers import pseudo_inverse, strategy

TRAITS = frozenset({"signed"})


def build() -> Weighting:
    """Weights of the direction at equal angles to all gradients. They may be negative."""

    def solve(gram, present):
        lengths = jnp.sqrt(jnp.diag(gram))
        cosines = gram / (lengths[:, None] * lengths[None])
        x = pseudo_inverse(cosines, present)[0] @ present.astype(gram.dtype)
        along = jnp.where(present, cosines @ x, 0)  # u_k . d
        squared = jnp.maximum(x @ along, 1e-20)
        return x / lengths * (lengths * along).sum() / squared

    return strategy(solve)
