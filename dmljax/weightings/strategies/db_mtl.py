"""DB-MTL: log losses, and gradients smoothed over time and made as long as the longest."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from dmljax.weightings.interface import Weighting, per_task
from dmljax.weightings.parts import require

_EPSILON = 1e-8


class State(NamedTuple):
    """The smoothed gradients.

    Attributes:
      smooth: y, a tree with leaves [K, ...] like the shared parameters.
      steps: t of each task, int32 [K].
    """

    smooth: object
    steps: object


def build(*, beta: float = 0.9, power: float = 0.0) -> Weighting:
    """Takes log losses, smooths their gradients over time and makes all as long as the longest.

    With t the number of a task's steps:

        y_k <- b y_k + (1 - b) d log L_k,   b = beta / t^power
        w_k = max_j |y_j| / |y_k|,   direction = sum_k w_k y_k

    Lin et al., 2023 (arXiv 2308.12029).

    A task's first gradient is taken as it is.

    DIFFERS: the original gives the heads d log L_k; here they get w_k d L_k, or d L_k with `heads='unit'`.

    Needs the tasks' gradients themselves. Cost: a forward pass and K pull-backs through the shared
    parameters, and K copies of these parameters as state, also where beta is 0.

    Args:
      beta: how long gradients are remembered, 0 <= beta < 1; 0: not at all.
      power: how fast memory fades over the steps, at least 0.

    Raises:
      ValueError: a field out of its range.

    Example:
      >>> import jax.numpy as jnp
      >>> from dmljax import weightings
      >>> strategy = weightings.db_mtl()
      >>> losses_fn = lambda p: {"depth": p[0] ** 2, "normals": p[1]}
      >>> f = weightings.value_and_grad(losses_fn, strategy)
      >>> params = jnp.array([1.0, 1.0])
      >>> state = strategy.init(("depth", "normals"), f.shared(params))
      >>> (losses, weights, aux), gradient, state = f(params, state)
      >>> [float(g) for g in gradient]  # gradients of the logarithms: 2 and 1
      [2.0, 2.0]
    """
    require(beta=(beta, 0 <= beta < 1, "from 0 to below 1"), power=(power, power >= 0, "at least 0"))

    def transform(jacobian, signals, state):
        known = signals.active & signals.valid
        steps = state.steps + known.astype(jnp.int32)
        t = jnp.maximum(steps, 1).astype(jnp.float32)
        keep = jnp.where(steps > 1, beta / t**power, 0.0)
        wide = lambda row, leaf: row.reshape((-1,) + (1,) * (leaf.ndim - 1))
        scale = 1 / jnp.maximum(signals.losses, _EPSILON)

        def smooth(old, leaf):
            moved = wide(keep, leaf) * old + wide((1 - keep) * scale, leaf) * leaf
            return jnp.where(wide(known, leaf), moved, old)

        moved = jax.tree.map(smooth, state.smooth, jacobian)
        return moved, State(moved, steps)

    def update(signals, state):
        known = signals.active & signals.valid
        lengths = jnp.sqrt(jnp.maximum(jnp.diag(signals.gram), 0))
        longest = jnp.max(jnp.where(known, lengths, 0))
        weights = jnp.where(known & (lengths > 0), longest / jnp.where(lengths > 0, lengths, 1), 1.0)
        return jnp.where(signals.active, weights, 0.0), state, {}

    def init(tasks, params):
        return State(per_task(params, len(tasks)), jnp.zeros(len(tasks), jnp.int32))

    return Weighting(init, update, frozenset({"jacobian", "gram", "losses", "positive"}), transform)
