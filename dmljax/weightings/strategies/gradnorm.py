"""GradNorm (Chen et al., ICML 2018): weights that bring the gradients' lengths together, longer for tasks
that lag behind.

    target_k = mean_i(w_i n_i) r_k^alpha,   r_k = (L_k / L_k(0)) / mean_i(L_i / L_i(0)),   n_k = |g_k|
    minimise sum_k |w_k n_k - target_k| over w, the targets held fixed:
    d/dw_k = n_k sign(w_k n_k - target_k);   then sum w = K
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from dmljax.weightings.interface import Weighting
from dmljax.weightings.parts import TINY, count, require

_LEAST = 1e-2  # of a weight


class State(NamedTuple):
    """weights: float32 [K]; first: L_k(0), float32 [K]; seen: whether there is one, bool [K]."""

    weights: object
    first: object
    seen: object


def build(*, alpha: float = 1.5, learning_rate: float = 0.025) -> Weighting:
    """Gradients are those of `weighting.gram`; the paper takes the last shared layer's.

    DIFFERS: lengths are divided by their mean, so that the learning rate does not depend on the gradients'
    scale.

    Args:
      alpha: how much more a task that lags behind gets, at least 0.
      learning_rate: of the weights, above 0.

    Raises:
      ValueError: a field out of its range.
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
