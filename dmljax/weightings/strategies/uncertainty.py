"""Homoscedastic uncertainty (Kendall, Gal & Cipolla, CVPR 2018), with log variances s_k that learn beside the
network.

    minimise sum_k exp(-s_k) L_k / 2 + s_k / 2  ->  w_k = exp(-s_k) / 2,  d/ds_k = (1 - L_k exp(-s_k)) / 2
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from dmljax.weightings.interface import Weighting
from dmljax.weightings.parts import Adam, adam, adam_init, require

_BOUND = 10.0  # |s|: a loss that reaches 0 would drive its weight beyond all bounds


class State(NamedTuple):
    """s: log variances, float32 [K]; adam: the moments of their own optimizer, without weight decay."""

    s: object
    adam: Adam


def build(*, learning_rate: float = 0.01, start: float = 0.0) -> Weighting:
    """Log variances that learn beside the network.

    Args:
      learning_rate: of the log variances, above 0.
      start: their first value, from -10 to 10.

    Raises:
      ValueError: a field out of its range.
    """
    require(
        learning_rate=(learning_rate, learning_rate > 0, "above 0"),
        start=(start, abs(start) <= _BOUND, f"within {_BOUND}"),
    )

    def update(signals, state):
        weights = jnp.where(signals.active, 0.5 * jnp.exp(-state.s), 0.0)
        gradient = 0.5 * (1 - signals.losses * jnp.exp(-state.s))
        change, moments = adam(gradient, state.adam, signals.active & signals.valid, rate=learning_rate)
        return weights, State(jnp.clip(state.s + change, -_BOUND, _BOUND), moments), {}

    return Weighting(
        lambda tasks: State(jnp.full(len(tasks), start, float), adam_init(len(tasks))),
        update,
        frozenset({"positive"}),
    )
