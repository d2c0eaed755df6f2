"""IMTL-L: scales of the losses that learn to make all scaled losses equal."""

from __future__ import annotations

import jax.numpy as jnp

from dmljax.weightings.interface import Weighting
from dmljax.weightings.parts import adam, adam_init, require
from dmljax.weightings.strategies.uncertainty import State

_BOUND = 10.0


def build(*, learning_rate: float = 0.01, start: float = 0.0) -> Weighting:
    """Learns a scale for each loss, until all scaled losses are near 1.

    The scales' logarithms s_k follow a gradient, by an Adam of their own:

        minimise sum_k exp(s_k) L_k - s_k
        w_k = exp(s_k),   d/ds_k = exp(s_k) L_k - 1

    Liu et al., ICLR 2021 (the loss part of IMTL). It is twice the objective of `uncertainty` with s turned
    round; at its optimum it equals the sum of log losses.

    DIFFERS: the scales have an optimizer of their own, without weight decay, and stay within exp(-10) and
    exp(10).

    Needs the losses alone. Cost: a forward pass and one pull-back, as with equal weights.

    Args:
      learning_rate: of the scales' logarithms, above 0.
      start: their first value, from -10 to 10.

    Raises:
      ValueError: a field out of its range.

    Example:
      >>> import jax.numpy as jnp
      >>> from dmljax import weightings
      >>> strategy = weightings.imtl_l(learning_rate=0.1)
      >>> state = strategy.init(("depth", "normals"))
      >>> for losses in ([0.5, 2.0], [0.5, 2.0]):
      ...     weights, state, aux = strategy.update(weightings.Signals(jnp.array(losses)), state)
      >>> [round(float(w), 3) for w in weights]
      [1.105, 0.905]
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
