"""Wrappers that change what a strategy sees: log losses, normalised gradients, means over a window."""

from __future__ import annotations

import jax.numpy as jnp

from dmljax.weightings.interface import Signals, Weighting, check_strategy
from dmljax.weightings.wrappers.lifting import TINY, State, lift, nothing, require, scaled

NORMALISE = ("unit", "loss", "max")


def log_losses(base: Weighting) -> Weighting:
    """Shows the strategy log L_k and the gradients of it, so that the losses' scales do not matter.

    As d log L_k = d L_k / L_k, the strategy's weights are divided by L_k. Losses must not be negative.

    Args:
      base: a strategy that does not work on the gradients themselves.

    Raises:
      ValueError: the strategy works on the gradients themselves.

    Example:
      >>> import jax.numpy as jnp
      >>> from dmljax import weightings
      >>> strategy = weightings.log_losses(weightings.equal())
      >>> signals = weightings.Signals(jnp.array([2.0, 4.0]))
      >>> weights = strategy.update(signals, strategy.init(("depth", "normals")))[0]
      >>> [round(float(w), 3) for w in weights]
      [0.5, 0.25]
    """
    check_strategy(base)
    require(
        "log_losses", "jacobian" not in base.needs, "strategies that use inner products at most", "a Jacobian"
    )

    def see(signals: Signals) -> Signals:
        losses = jnp.maximum(signals.losses, TINY)
        return scaled(signals, 1 / losses)._replace(losses=jnp.log(losses))

    def update(signals, state):
        weights, inner, aux = base.update(see(signals), state.inner)
        return weights / jnp.maximum(signals.losses, TINY), state._replace(inner=inner), aux

    return lift(base, nothing, update, needs=frozenset({"losses", "positive"}), see=see)


def normalise(base: Weighting, how: str = "unit") -> Weighting:
    """Shows the strategy gradients that are normalised first.

    It sees s_k g_k in place of g_k; its answer w'_k is a weight w'_k s_k of g_k.

    Args:
      base: a strategy that uses inner products of gradients and not the gradients themselves.
      how: 'unit', s_k = 1 / |g_k|; 'loss', 1 / L_k; 'max', max_j |g_j| / |g_k|.

    Raises:
      ValueError: another `how`, or a strategy that uses no inner products, or the gradients themselves.

    Example:
      >>> import jax.numpy as jnp
      >>> from dmljax import weightings
      >>> strategy = weightings.normalise(weightings.mgda(), "unit")
      >>> signals = weightings.Signals(jnp.array([1.0, 2.0]), gram=jnp.array([[4.0, 0.0], [0.0, 1.0]]))
      >>> weights = strategy.update(signals, strategy.init(("depth", "normals")))[0]
      >>> [round(float(w), 3) for w in weights]  # 0.5 of each unit gradient
      [0.25, 0.5]
    """
    require("normalise", how in NORMALISE, f"one of {', '.join(NORMALISE)}", how)
    check_strategy(base)
    gram_alone = "gram" in base.needs and "jacobian" not in base.needs
    given = f"one that needs {', '.join(sorted(base.needs)) or 'nothing but losses'}"
    require("normalise", gram_alone, "strategies that use a Gram matrix and no Jacobian", given)

    def factors(signals):
        norms = jnp.sqrt(jnp.maximum(jnp.diag(signals.gram), 0))
        if how == "loss":
            return 1 / jnp.maximum(signals.losses, TINY)
        longest = jnp.max(jnp.where(signals.active, norms, 0)) if how == "max" else 1.0
        return jnp.where(norms > 0, longest / jnp.where(norms > 0, norms, 1), 1.0)

    def update(signals, state):
        scale = factors(signals)
        weights, inner, aux = base.update(scaled(signals, scale), state.inner)
        return weights * scale, state._replace(inner=inner), aux

    return lift(base, nothing, update, needs=frozenset({"losses", "positive"} if how == "loss" else ()))


def window(base: Weighting, size: int) -> Weighting:
    """Shows the strategy mean losses over the last steps.

    Steps without a valid sample of a task do not count in its mean. A task starts its window anew when it
    comes back from being inactive.

    Args:
      base: the strategy.
      size: steps in the window, at least 1.

    Raises:
      ValueError: a size below 1.

    Example:
      >>> import jax.numpy as jnp
      >>> from dmljax import weightings
      >>> strategy = weightings.window(weightings.log(epsilon=1.0), 2)
      >>> state = strategy.init(("depth", "normals"))
      >>> for losses in ([1.0, 4.0], [3.0, 4.0]):
      ...     weights, state, aux = strategy.update(weightings.Signals(jnp.array(losses)), state)
      ...     print([round(float(w), 3) for w in weights])
      [0.5, 0.2]
      [0.333, 0.2]
    """
    require("window", size >= 1, "a number of steps of at least 1", size)

    def init(count):
        return jnp.zeros((size, count)), jnp.zeros((size, count), bool)

    def update(signals, state):
        history, known = state.own
        fresh = signals.active & signals.valid
        history = jnp.concatenate([history[1:], jnp.where(fresh, signals.losses, 0)[None]])
        known = jnp.concatenate([known[1:] & signals.active[None], fresh[None]])
        means = jnp.where(known, history, 0).sum(0) / jnp.maximum(known.sum(0), 1).astype(history.dtype)
        weights, inner, aux = base.update(signals._replace(losses=means), state.inner)
        return weights, State((history, known), inner), aux

    return lift(base, init, update)
