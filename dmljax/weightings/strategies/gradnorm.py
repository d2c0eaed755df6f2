"""GradNorm: weights that bring the gradients' lengths together, longer for tasks that lag behind."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from dmljax.weightings.interface import Weighting
from dmljax.weightings.parts import TINY, count, require

_LEAST = 1e-2  # of a weight


class State(NamedTuple):
    """The weights and the losses they started from.

    Attributes:
      weights: of the next step, float32 [K].
      first: L_k(0), float32 [K].
      seen: whether there is one, bool [K].
    """

    weights: object
    first: object
    seen: object


def build(*, alpha: float = 1.5, learning_rate: float = 0.025) -> Weighting:
    """Learns weights that make the tasks' gradients alike in length, and longer for tasks that lag behind.

    With n_k the length of the gradient g_k, and targets held fixed:

        target_k = mean_i(w_i n_i) r_k^alpha,   r_k = (L_k / L_k(0)) / mean_i(L_i / L_i(0))
        minimise sum_k |w_k n_k - target_k| over w:
        w_k <- w_k - learning_rate n_k sign(w_k n_k - target_k);   then made to sum to K

    Chen et al., ICML 2018.

    DIFFERS: lengths are divided by their mean, so that the learning rate does not depend on the gradients'
    scale. The gradients are those of the shared parameters, or of the `representation`; the paper takes the
    last shared layer's.

    Needs the Gram matrix of the tasks' gradients. Cost: a forward pass and K pull-backs through the shared
    parameters; with a `representation`, K through what comes after it and one through what comes before.

    Args:
      alpha: how much more a task that lags behind gets, at least 0.
      learning_rate: of the weights, above 0.

    Raises:
      ValueError: a field out of its range.

    Example:
      >>> import jax.numpy as jnp
      >>> from dmljax import weightings
      >>> strategy = weightings.gradnorm(learning_rate=0.3)
      >>> state = strategy.init(("depth", "normals"))
      >>> signals = weightings.Signals(jnp.array([1.0, 2.0]), gram=jnp.array([[4.0, 0.0], [0.0, 1.0]]))
      >>> for _ in range(2):  # the longer gradient, 2 beside 1, is held back from the second step on
      ...     weights, state, aux = strategy.update(signals, state)
      >>> [round(float(w), 3) for w in weights]
      [0.667, 1.333]
    """
    require(
        alpha=(alpha, alpha >= 0, "at least 0"),
        learning_rate=(learning_rate, learning_rate > 0, "above 0"),
    )

    def update(signals, state):
        known = signals.active & signals.valid
        mean = lambda x: jnp.where(known, x, 0).sum() / count(known)
        lengths = jnp.sqrt(jnp.maximum(jnp.diag(signals.gram), 0))
        lengths = lengths / jnp.maximum(mean(lengths), TINY)
        first = jnp.where(state.seen, state.first, signals.losses)
        fallen = signals.losses / jnp.maximum(first, TINY)
        rate = fallen / jnp.maximum(mean(fallen), TINY)
        target = mean(state.weights * lengths) * jnp.clip(rate, 0, 1e3) ** alpha
        moved = state.weights - learning_rate * lengths * jnp.sign(state.weights * lengths - target)
        moved = jnp.maximum(jnp.where(known, moved, state.weights), _LEAST)
        active = jnp.where(signals.active, moved, 0.0)
        scale = count(signals.active) / jnp.maximum(active.sum(), TINY)
        kept = State(
            jnp.where(signals.active, moved * scale, state.weights),
            jnp.where(known, first, state.first),
            state.seen | known,
        )
        return jnp.where(signals.active, state.weights, 0.0), kept, {}

    def init(tasks):
        return State(jnp.ones(len(tasks)), jnp.zeros(len(tasks)), jnp.zeros(len(tasks), bool))

    return Weighting(init, update, frozenset({"gram", "positive"}))
