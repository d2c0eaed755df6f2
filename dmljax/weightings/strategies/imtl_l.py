"""IMTL-L (Liu et al., ICLR 2021): scales s_k that learn to make all scaled losses equal.

minimise sum_k exp(s_k) L_k - s_k     ->     w_k = exp(s_k),   d/ds_k = exp(s_k) L_k - 1
"""

from __future__ import annotations

import jax.numpy as jnp

from dmljax.weightings.interface import Weighting
from dmljax.weightings.parts import adam, adam_init, require
from dmljax.weightings.strategies.uncertainty import State

_BOUND = 10.0


def build(*, learning_rate: float = 0.01, start: float = 0.0) -> Weighting:
    """Scales that learn beside the network until all scaled losses are alike.

    Args:
      learning_rate: of the scales' logarithms, above 0.
      start: their first value, from -10 to 10.

    Raises:
      ValueError: a field out of its range.
    """
    require(
        learning_rate=(learning_rate, learning_rate > 0, "above 0"),
        start=(start, abs(start) <= _BOUND, f"within {_BOUND}"),
    )

    def update(signals, state):
        weights = jnp.where(signals.active, jnp.exp(state.s), 0.0)
        change, moments = adam(
            jnp.exp(state.s) * signals.losses - 1,
            state.adam,
            signals.active & signals.valid,
            rate=learning_rate,
        )
        return weights, State(jnp.clip(state.s + change, -_BOUND, _BOUND), moments), {}

    return Weighting(
        lambda tasks: State(jnp.full(len(tasks), start, float), adam_init(len(tasks))),
        update,
        frozenset({"positive"}),
    )
