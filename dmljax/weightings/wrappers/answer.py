"""Wrappers that change what becomes of a strategy's weights: averaged, bounded, shuffled, rescaled."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from dmljax.weightings.interface import Weighting
from dmljax.weightings.wrappers.lifting import TINY, State, lift, nothing, require

RESCALE = ("sum_1", "sum_K", "match_equal")


def ema(base: Weighting, keep: float = 0.9) -> Weighting:
    """Averages the strategy's weights over time.

    From a task's first active step on, with the strategy's answer w:

        w_t = keep w_{t-1} + (1 - keep) w

    Zhou et al., "On the convergence of stochastic multi-objective gradient manipulation and beyond", NeurIPS
    2022 (CR-MOGM), with keep = 0.9.

    Args:
      base: the strategy.
      keep: the share of the former weights, 0 <= keep < 1.

    Raises:
      ValueError: a share out of its range.

    Example:
      >>> import jax.numpy as jnp
      >>> from dmljax import weightings
      >>> strategy = weightings.ema(weightings.log(epsilon=1.0), keep=0.5)
      >>> state = strategy.init(("depth", "normals"))
      >>> for losses in ([1.0, 4.0], [3.0, 4.0]):
      ...     weights, state, aux = strategy.update(weightings.Signals(jnp.array(losses)), state)
      ...     print([round(float(w), 3) for w in weights])
      [0.5, 0.2]
      [0.375, 0.2]
    """
    require("ema", 0 <= keep < 1, "a share from 0 to below 1", keep)

    def update(signals, state):
        weights, inner, aux = base.update(signals, state.inner)
        before, known = state.own
        moved = jnp.where(known & signals.active, keep * before + (1 - keep) * weights, weights)
        return moved, State((moved, signals.active), inner), aux

    return lift(base, lambda count: (jnp.zeros(count), jnp.zeros(count, bool)), update)


def clip(base: Weighting, low: float = 0.0, high: float = float("inf")) -> Weighting:
    """Keeps the weights of active tasks within bounds.

    Args:
      base: the strategy.
      low: the least weight, at least 0.
      high: the largest weight, above `low`.

    Raises:
      ValueError: bounds that are none.

    Example:
      >>> import jax.numpy as jnp
      >>> from dmljax import weightings
      >>> strategy = weightings.clip(weightings.log(epsilon=1.0), 0.3)
      >>> state = strategy.init(("depth", "normals"))
      >>> for losses in ([1.0, 4.0],):
      ...     weights, state, aux = strategy.update(weightings.Signals(jnp.array(losses)), state)
      ...     print([round(float(w), 3) for w in weights])
      [0.5, 0.3]
    """
    require("clip", 0 <= low < high, "bounds with 0 <= low < high", (low, high))

    def update(signals, state):
        weights, inner, aux = base.update(signals, state.inner)
        return jnp.where(signals.active, jnp.clip(weights, low, high), 0.0), state._replace(inner=inner), aux

    return lift(base, nothing, update)


def shuffle(base: Weighting) -> Weighting:
    """Deals the strategy's weights to the active tasks at random, anew at every step.

    The control for a strategy that claims to know which task needs which weight: the weights are the same,
    and the tasks that get them are drawn. A gain that stays does not come from that knowledge. A strategy
    that carries its weights on carries its own, not the dealt ones.

    Needs a random key, the same on every device.

    Args:
      base: the strategy.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from dmljax import weightings
      >>> strategy = weightings.shuffle(weightings.fixed(depth=3.0, normals=2.0))
      >>> state = strategy.init(("depth", "normals", "edges"))
      >>> signals = weightings.Signals(jnp.ones(3), rng=jax.random.key(1))
      >>> [float(w) for w in strategy.update(signals, state)[0]]
      [2.0, 1.0, 3.0]
    """

    def update(signals, state):
        own, deal = jax.random.split(signals.rng)
        weights, inner, aux = base.update(signals._replace(rng=own), state.inner)
        drawn = jax.random.uniform(deal, weights.shape)
        order = lambda key: jnp.argsort(jnp.where(signals.active, key, jnp.inf))  # the active ones first
        givers, takers = order(jnp.arange(len(weights), dtype=drawn.dtype)), order(drawn)
        dealt = jnp.zeros_like(weights).at[takers].set(weights[givers])
        return jnp.where(signals.active, dealt, 0.0), state._replace(inner=inner), aux

    return lift(base, nothing, update, needs=frozenset({"rng"}))


def rescale(base: Weighting, how: str = "sum_K") -> Weighting:
    """Keeps the direction of the strategy's weighted gradient and changes its length.

    Strategies differ in the length of their answer, and thereby in the learning rate that fits them; this
    makes them comparable. Where the present length is 0 the weights become equal.

    Args:
      base: the strategy; with 'match_equal' it is given the Gram matrix, whatever it needs by itself.
      how: the weights' sum becomes 1 ('sum_1') or the number of active tasks ('sum_K'), or the weighted
        gradient as long as that of equal weights ('match_equal').

    Raises:
      ValueError: another `how`.

    Example:
      >>> import jax.numpy as jnp
      >>> from dmljax import weightings
      >>> strategy = weightings.rescale(weightings.fixed(depth=3.0), "sum_1")
      >>> state = strategy.init(("depth", "normals"))
      >>> for losses in ([1.0, 2.0],):
      ...     weights, state, aux = strategy.update(weightings.Signals(jnp.array(losses)), state)
      ...     print([round(float(w), 3) for w in weights])
      [0.75, 0.25]
    """
    require("rescale", how in RESCALE, f"one of {', '.join(RESCALE)}", how)
    match = how == "match_equal"

    def update(signals, state):
        weights, inner, aux = base.update(signals, state.inner)
        active = signals.active.astype(weights.dtype)
        if match:
            length = lambda w: jnp.sqrt(jnp.maximum(w @ signals.gram @ w, 0))
            now, wanted, equal = length(weights), length(active), active
        else:
            now, wanted = weights.sum(), jnp.ones_like(active.sum()) if how == "sum_1" else active.sum()
            equal = active * (wanted / jnp.maximum(active.sum(), 1))
        small = jnp.abs(now) <= TINY
        scaled = jnp.where(small, equal, weights * (wanted / jnp.where(small, 1, now)))
        return scaled, state._replace(inner=inner), aux

    return lift(base, nothing, update, needs=frozenset({"gram"} if match else ()))
