"""Equal weights: every task counts the same, whatever its scale."""

from __future__ import annotations

import jax.numpy as jnp

from dmljax.weightings.interface import Weighting


def build(*, weight: float = 1.0) -> Weighting:
    """w_k = weight.

    Args:
      weight: of every task.
    """

    def init(tasks):
        del tasks
        return ()

    def update(signals, state):
        return jnp.where(signals.active, jnp.float32(weight), 0.0), state, {}

    return Weighting(init, update)
