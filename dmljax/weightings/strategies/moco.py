"""MoCo: gradients tracked over time, and weights that follow the tracked ones."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from dmljax.weightings.interface import Weighting, per_task
from dmljax.weightings.parts import TINY, even, require
from dmljax.weightings.solvers import onto_simplex


class State(NamedTuple):
    """The tracked gradients and the weights.

    Attributes:
      tracked: y, a tree with leaves [K, ...] like the shared parameters.
      weights: w, float32 [K].
      steps: steps taken, int32.
    """

    tracked: object
    weights: object
    steps: object


def build(*, beta: float = 0.5, gamma: float = 0.1, power: float = 0.5, rho: float = 0.0) -> Weighting:
    """Tracks each gradient over time and lets the weights follow the tracked ones towards MGDA's.

    With t the number of the step, from 1, and Y the tracked gradients y_k:

        y_k <- y_k - b (y_k - L_k g_k / |g_k|),   b = beta / t^power
        w <- project onto the simplex: w - c (Y Y^T + rho I) w,   c = gamma / t^power
        direction = sum_k w_k y_k

    Fernando et al., ICLR 2023.

    Weights sum to 1. The projection is the paper's; LibMTL has a softmax in its place.

    Needs the tasks' gradients themselves. Cost: a forward pass and K pull-backs through the shared
    parameters, and K copies of these parameters as state.

    Args:
      beta: first step size of the gradients, 0 < beta <= 1.
      gamma: first step size of the weights, above 0.
      power: how fast both step sizes fall, at least 0.
      rho: strength of the pull towards small weights, at least 0.

    Raises:
      ValueError: a field out of its range.

    Example:
      >>> import jax.numpy as jnp
      >>> from dmljax import weightings
      >>> strategy = weightings.moco(gamma=0.8)
      >>> losses_fn = lambda p: {"depth": 2 * p[0], "normals": p[1]}
      >>> f = weightings.value_and_grad(losses_fn, strategy)
      >>> params = jnp.array([1.0, 1.0])
      >>> state = strategy.init(("depth", "normals"), f.shared(params))
      >>> (losses, weights, aux), gradient, state = f(params, state)
      >>> {name: round(float(w), 2) for name, w in weights.items()}
      {'depth': 0.35, 'normals': 0.65}
    """
    require(
        beta=(beta, 0 < beta <= 1, "above 0 and at most 1"),
        gamma=(gamma, gamma > 0, "above 0"),
        power=(power, power >= 0, "at least 0"),
        rho=(rho, rho >= 0, "at least 0"),
    )

    def transform(jacobian, signals, state):
        known = signals.active & signals.valid
        wide = lambda row, leaf: row.reshape((-1,) + (1,) * (leaf.ndim - 1))
        squared = sum((leaf**2).reshape(len(known), -1).sum(1) for leaf in jax.tree.leaves(jacobian))
        scale = jnp.where(squared > 0, signals.losses / jnp.sqrt(jnp.where(squared > 0, squared, 1)), 0)
        step = jnp.where(known, beta / (state.steps + 1).astype(jnp.float32) ** power, 0.0)
        tracked = jax.tree.map(
            lambda y, g: y - wide(step, g) * (y - wide(scale, g) * g), state.tracked, jacobian
        )
        return tracked, State(tracked, state.weights, state.steps + 1)

    def update(signals, state):
        step = gamma / jnp.maximum(state.steps, 1).astype(jnp.float32) ** power
        before = jnp.where(signals.active, state.weights, 0)
        before = before / jnp.maximum(before.sum(), TINY)
        before = jnp.where(before.sum() > 0, before, even(signals.active))
        weights = onto_simplex(before - step * (signals.gram @ before + rho * before), signals.active)
        return weights, state._replace(weights=jnp.where(signals.active, weights, state.weights)), {}

    def init(tasks, params):
        return State(per_task(params, len(tasks)), jnp.full(len(tasks), 1 / len(tasks), float), jnp.int32(0))

    return Weighting(init, update, frozenset({"jacobian", "gram", "losses"}), transform)
