"""ReLoBRaLo: relative losses with memory and a random look back to the start."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from dmljax.weightings.interface import Weighting
from dmljax.weightings.parts import count, require, softmax

_EPSILON = 1e-8
_LARGEST = 100.0  # of a ratio


class State(NamedTuple):
    """The weights before and the losses that others are compared with.

    Attributes:
      weights: w(t-1), float32 [K].
      first: L(0) of each task, float32 [K].
      last: L(t-1) of each task, float32 [K].
      seen: whether there is one, bool [K].
    """

    weights: object
    first: object
    last: object
    seen: object


def build(*, alpha: float = 0.95, beta: float = 0.99, tau: float = 1.0) -> Weighting:
    """Weighs tasks by their relative losses, with memory and a random look back to the first loss.

    Losses are compared with the step before and, now and then, with the start:

        m_k(t, t') = K softmax(L(t) / (tau L(t')))_k
        w(t) = alpha (rho w(t-1) + (1 - rho) m(t, 0)) + (1 - alpha) m(t, t-1),   rho ~ Bernoulli(beta)

    Bischof and Kraus, 2021.

    Weights use this step's losses. A ratio counts as 100 at most: a first loss near 0 does no harm.

    Needs the losses and a random key, the same on every device. Cost: a forward pass and one pull-back, as
    with equal weights.

    Args:
      alpha: memory, the share of the former weights, 0 <= alpha <= 1.
      beta: how seldom it looks back to the start, a probability.
      tau: temperature, above 0.

    Raises:
      ValueError: a field out of its range.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from dmljax import weightings
      >>> strategy = weightings.relobralo(alpha=0.0)  # no memory: only the step before counts
      >>> state = strategy.init(("depth", "normals"))
      >>> for losses in ([1.0, 1.0], [1.0, 2.0]):
      ...     signals = weightings.Signals(jnp.array(losses), rng=jax.random.key(0))
      ...     weights, state, aux = strategy.update(signals, state)
      >>> [round(float(w), 3) for w in weights]
      [0.538, 1.462]
    """
    require(
        alpha=(alpha, 0 <= alpha <= 1, "from 0 to 1"),
        beta=(beta, 0 <= beta <= 1, "from 0 to 1"),
        tau=(tau, tau > 0, "above 0"),
    )

    def update(signals, state):
        known = signals.active & signals.valid
        first = jnp.where(state.seen, state.first, signals.losses)
        last = jnp.where(state.seen, state.last, signals.losses)
        look_back = jax.random.uniform(signals.rng) >= beta
        number = count(signals.active)

        def relative(reference):
            ratio = jnp.clip(signals.losses / (tau * reference + _EPSILON), -_LARGEST, _LARGEST)
            return number * softmax(ratio, known)

        memory = jnp.where(look_back, relative(first), state.weights)
        weights = jnp.where(known, alpha * memory + (1 - alpha) * relative(last), state.weights)
        moved = State(
            weights,
            jnp.where(known, first, state.first),
            jnp.where(known, signals.losses, state.last),
            state.seen | known,
        )
        return jnp.where(signals.active, weights, 0.0), moved, {}

    def init(tasks):
        zeros = jnp.zeros(len(tasks))
        return State(jnp.ones(len(tasks)), zeros, zeros, jnp.zeros(len(tasks), bool))

    return Weighting(init, update, frozenset({"losses", "positive", "rng"}))
