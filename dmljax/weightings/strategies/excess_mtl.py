"""ExcessMTL (He et al., ICML 2024): weight by how far each loss stands above its optimum, made for noisy
labels.

    S_k += g_k^2;   e_k = sum g_k^2 / sqrt(S_k + 1e-7);   w_k <- w_k exp(eta e_k / e_k(0)), sum w = K
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from dmljax.weightings.interface import Weighting, per_task
from dmljax.weightings.parts import TINY, count, require


class State(NamedTuple):
    """squares: S, a tree of float32 [K, ...]; first: e_k(0), float32 [K]; logits: log w, float32 [K]."""

    squares: object
    first: object
    logits: object


def build(*, eta: float = 0.01) -> Weighting:
    """More weight for tasks whose excess risk is high. Keeps K copies of the trunk's parameters.

    Args:
      eta: step size of the weights, above 0.

    Raises:
      ValueError: an eta out of its range.
    """
    require(eta=(eta, eta > 0, "above 0"))

    def transform(jacobian, signals, state):
        known = signals.active & signals.valid
        wide = lambda leaf: known.reshape((-1,) + (1,) * (leaf.ndim - 1))
        squares = jax.tree.map(lambda s, g: s + jnp.where(wide(g), g**2, 0), state.squares, jacobian)
        terms = jax.tree.map(
            lambda s, g: (g**2 / jnp.sqrt(s + 1e-7)).reshape(len(known), -1).sum(1), squares, jacobian
        )
        excess = sum(jax.tree.leaves(terms))
        first = jnp.where(known & (state.first == 0), excess, state.first)
        rise = jnp.where(known & (first > 0), excess / jnp.maximum(first, TINY), 0)
        logits = state.logits + eta * rise
        return jacobian, State(squares, first, logits - logits.max())

    def update(signals, state):
        raw = jnp.where(signals.active, jnp.exp(state.logits), 0.0)
        return raw * count(signals.active) / jnp.maximum(raw.sum(), TINY), state, {}

    def init(tasks, params):
        zeros = jnp.zeros(len(tasks))
        return State(per_task(params, len(tasks)), zeros, zeros)

    return Weighting(init, update, frozenset({"jacobian"}), transform)
