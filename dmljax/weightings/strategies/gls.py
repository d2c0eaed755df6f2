"""Geometric loss strategy (Chennupati et al., CVPR workshops 2019).

minimise (prod_k L_k)^(1/K)     ->     w_k = GM / (K L_k),   GM the geometric mean
"""

from __future__ import annotations

import jax.numpy as jnp

from dmljax.weightings.interface import Weighting
from dmljax.weightings.parts import count, require


def build(*, epsilon: float = 1e-3) -> Weighting:
    """Weights of the gradient of the losses' geometric mean over the tasks that the batch could train.

    Args:
      epsilon: the least value that a loss counts as, above 0; it bounds the weight of one that vanishes.

    Raises:
      ValueError: an epsilon out of its range.
    """
    require(epsilon=(epsilon, epsilon > 0, "above 0"))

    def update(signals, state):
        known = signals.active & signals.valid
        losses = jnp.maximum(signals.losses, epsilon)
        number = count(known)
        mean = jnp.exp(jnp.where(known, jnp.log(losses), 0).sum() / number)
        weights = jnp.where(known, mean / (number * losses), 1 / number)
        return jnp.where(signals.active, weights, 0.0), state, {}

    return Weighting(lambda tasks: (), update, frozenset({"losses", "positive"}))
