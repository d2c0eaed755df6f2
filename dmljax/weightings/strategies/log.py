"""Scale-invariant weighting: the sum of the losses' logarithms, the baseline SI of Nash-MTL.

minimise sum_k log L_k     ->     w_k = 1 / L_k
"""

from __future__ import annotations

import jax.numpy as jnp

from dmljax.weightings.interface import Weighting
from dmljax.weightings.parts import require


def build(*, epsilon: float = 1e-3) -> Weighting:
    """w_k = 1 / (L_k + epsilon).

    Args:
      epsilon: added to each loss, above 0; it bounds the weight of a loss that vanishes.

    Raises:
      ValueError: an epsilon out of its range.
    """
    require(epsilon=(epsilon, epsilon > 0, "above 0"))

    def update(signals, state):
        known = signals.active & signals.valid
        weights = jnp.where(known, 1 / (jnp.maximum(signals.losses, 0) + epsilon), 1.0)
        return jnp.where(signals.active, weights, 0.0), state, {}

    return Weighting(lambda tasks: (), update, frozenset({"losses", "positive"}))
