"""Wrappers that change when a strategy is asked, and from when on its answer counts."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from dmljax.weightings.interface import Weighting, check_strategy
from dmljax.weightings.wrappers.lifting import State, lift, require


def every(base: Weighting, steps: int) -> Weighting:
    """Asks the strategy only now and then, and holds its weights in between.

    It is asked at the first step and every `steps` after; a change of the active tasks asks at once. What it
    needs is still taken at every step, so this calms the weights and saves nothing.

    Args:
      base: a strategy that does not learn at every step from its own update.
      steps: from one answer to the next, at least 1.

    Raises:
      ValueError: a number of steps below 1, or a strategy that learns at every step from its own update.

    Example:
      >>> import jax.numpy as jnp
      >>> from dmljax import weightings
      >>> strategy = weightings.every(weightings.log(epsilon=1.0), 2)
      >>> state = strategy.init(("depth", "normals"))
      >>> for losses in ([1.0, 4.0], [3.0, 4.0]):
      ...     weights, state, aux = strategy.update(weightings.Signals(jnp.array(losses)), state)
      ...     print([round(float(w), 3) for w in weights])
      [0.5, 0.2]
      [0.5, 0.2]
    """
    require("every", steps >= 1, "a number of steps of at least 1", steps)
    check_strategy(base)
    plain = base.post is None and base.transform is None
    require("every", plain, "strategies that do not learn from their own update", sorted(base.needs))

    def init(count):
        return jnp.zeros(count), jnp.zeros(count, bool), jnp.int32(0)

    def update(signals, state):
        held, active, number = state.own
        due = (number % steps == 0) | (active != signals.active).any()
        weights, inner, aux = base.update(signals, state.inner)
        pick = lambda new, old: jnp.where(due, new, old)
        weights = pick(weights, held)
        own = (weights, signals.active, number + 1)
        return weights, State(own, jax.tree.map(pick, inner, state.inner)), aux

    return lift(base, init, update)


def warmup(base: Weighting, steps: int) -> Weighting:
    """Gives every active task weight 1 in the first steps.

    The strategy is already asked in these steps, so that its state is ready.

    Args:
      base: the strategy.
      steps: how many, at least 0.

    Raises:
      ValueError: a number of steps below 0.

    Example:
      >>> import jax.numpy as jnp
      >>> from dmljax import weightings
      >>> strategy = weightings.warmup(weightings.single(task="depth"), 1)
      >>> state = strategy.init(("depth", "normals"))
      >>> for losses in ([1.0, 2.0], [1.0, 2.0]):
      ...     weights, state, aux = strategy.update(weightings.Signals(jnp.array(losses)), state)
      ...     print([round(float(w), 3) for w in weights])
      [1.0, 1.0]
      [1.0, 0.0]
    """
    require("warmup", steps >= 0, "a number of steps of at least 0", steps)

    def update(signals, state):
        weights, inner, aux = base.update(signals, state.inner)
        given = jnp.where(state.own < steps, signals.active.astype(weights.dtype), weights)
        return given, State(state.own + 1, inner), aux

    return lift(base, lambda count: jnp.int32(0), update)
