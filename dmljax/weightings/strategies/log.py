"""Scale-invariant weighting: the sum of the losses' logarithms, the baseline SI of Nash-MTL.

minimise sum_k log L_k     ->     w_k = 1 / L_k
"""

from __future__ import annotations

import jax.numpy as jnp

from dmljax.weightings.interface import Weighting
from dmljax.weightings.parts import require


def default_config() -> dict:
    """Fields: `epsilon`, added to each loss; it bounds the weight of a loss that vanishes."""
    return {"epsilon": 1e-3}


def build(*, epsilon: float = 1e-3) -> Weighting:
    """Raises UserError for a negative epsilon."""
    require("log", epsilon=(epsilon, epsilon > 0, "above 0"))

    def update(signals, state):
        known = signals.active & signals.valid
        weights = jnp.where(known, 1 / (jnp.maximum(signals.losses, 0) + epsilon), 1.0)
        return jnp.where(signals.active, weights, 0.0), state, {}

    return Weighting(lambda tasks: (), update, frozenset({"losses", "positive"}))
