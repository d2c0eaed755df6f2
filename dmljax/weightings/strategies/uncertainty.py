"""Homoscedastic uncertainty: log variances of the tasks that learn beside the network."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from dmljax.weightings.interface import Weighting
from dmljax.weightings.parts import Adam, adam, adam_init, require

_BOUND = 10.0  # |s|: a loss that reaches 0 would drive its weight beyond all bounds


class State(NamedTuple):
    """The log variances and their optimizer.

    Attributes:
      s: log variances, float32 [K].
      adam: the moments of their own optimizer, without weight decay.
    """

    s: object
    adam: Adam


def build(*, learning_rate: float = 0.01, start: float = 0.0) -> Weighting:
    """Divides each loss by a variance that is learnt beside the network.

    Log variances s_k follow the gradient of a joint likelihood, by an Adam of their own:

        minimise sum_k exp(-s_k) L_k / 2 + s_k / 2
        w_k = exp(-s_k) / 2,   d/ds_k = (1 - L_k exp(-s_k)) / 2

    Kendall, Gal and Cipolla, CVPR 2018 (UW).

    DIFFERS: the log variances have an optimizer of their own, without weight decay, and stay within -10 and
    10; in other libraries the network's optimizer trains them, and its weight decay pulls them to 0.

    Needs the losses alone. Cost: a forward pass and one pull-back, as with equal weights.

    Args:
      learning_rate: of the log variances, above 0.
      start: their first value, from -10 to 10.

    Raises:
      ValueError: a field out of its range.

    Example:
      >>> import jax.numpy as jnp
      >>> from dmljax import weightings
      >>> strategy = weightings.uncertainty(learning_rate=0.1)
      >>> state = strategy.init(("depth", "normals"))
      >>> for losses in ([0.5, 2.0], [0.5, 2.0]):
      ...     weights, state, aux = strategy.update(weightings.Signals(jnp.array(losses)), state)
      >>> [round(float(w), 3) for w in weights]
      [0.553, 0.452]
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
