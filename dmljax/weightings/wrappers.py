"""Wrappers: changes to any weighting strategy, so that they need not be options of each.

Strategy in, strategy out. They change what the strategy sees (log_losses, normalise, window), when it is
asked (every, warmup), and what becomes of its answer (ema, clip, rescale).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from dmljax.weightings.interface import Signals, Weighting

NORMALISE = ("unit", "loss", "max")
RESCALE = ("sum_1", "sum_K", "match_equal")
_TINY = 1e-12


class State(NamedTuple):
    """What a wrapper carries, beside what its strategy does.

    Attributes:
      own: of the wrapper; () where it carries nothing.
      inner: the state of what it wraps.
    """

    own: Any
    inner: Any


def _require(wrapper: str, good: bool, expected: str, value) -> None:
    if not good:
        raise ValueError(f"the wrapper {wrapper} takes {expected}; got {value!r}")


def _lift(base: Weighting, init, update, *, needs=frozenset(), see=lambda signals: signals) -> Weighting:
    """A wrapper: `init(K)` gives its own state, `update` its step; all else is handed through.

    `see` changes the signals.
    """
    transform = post = None
    if (inner_transform := base.transform) is not None:

        def transform(jacobian, signals, state):
            jacobian, inner = inner_transform(jacobian, signals, state.inner)
            return jacobian, state._replace(inner=inner)

    if (inner_post := base.post) is not None:

        def post(signals, after, state):
            seen, then = see(signals), see(signals._replace(losses=after)).losses
            return state._replace(inner=inner_post(seen, then, state.inner))

    begin = lambda tasks, *params: State(init(len(tasks)), base.init(tasks, *params))
    return Weighting(begin, update, base.needs | needs, transform, post)


def _nothing(count: int) -> tuple:
    """No state of its own."""
    return ()


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
    _require(
        "log_losses", "jacobian" not in base.needs, "strategies that use inner products at most", "a Jacobian"
    )

    def see(signals: Signals) -> Signals:
        losses = jnp.maximum(signals.losses, _TINY)
        return _scaled(signals, 1 / losses)._replace(losses=jnp.log(losses))

    def update(signals, state):
        weights, inner, aux = base.update(see(signals), state.inner)
        return weights / jnp.maximum(signals.losses, _TINY), state._replace(inner=inner), aux

    return _lift(base, _nothing, update, needs=frozenset({"losses", "positive"}), see=see)


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
    _require("normalise", how in NORMALISE, f"one of {', '.join(NORMALISE)}", how)
    gram_alone = "gram" in base.needs and "jacobian" not in base.needs
    _require("normalise", gram_alone, "strategies that use a Gram matrix and no Jacobian", sorted(base.needs))

    def factors(signals):
        norms = jnp.sqrt(jnp.maximum(jnp.diag(signals.gram), 0))
        if how == "loss":
            return 1 / jnp.maximum(signals.losses, _TINY)
        longest = jnp.max(jnp.where(signals.active, norms, 0)) if how == "max" else 1.0
        return jnp.where(norms > 0, longest / jnp.where(norms > 0, norms, 1), 1.0)

    def update(signals, state):
        scale = factors(signals)
        weights, inner, aux = base.update(_scaled(signals, scale), state.inner)
        return weights * scale, state._replace(inner=inner), aux

    return _lift(base, _nothing, update, needs=frozenset({"losses", "positive"} if how == "loss" else ()))


def _scaled(signals: Signals, scale) -> Signals:
    outer = scale[:, None] * scale[None]
    change = lambda matrix: None if matrix is None else matrix * outer
    return signals._replace(gram=change(signals.gram), cross_gram=change(signals.cross_gram))


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
    _require("window", size >= 1, "a number of steps of at least 1", size)

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

    return _lift(base, init, update)


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
    _require("every", steps >= 1, "a number of steps of at least 1", steps)
    plain = base.post is None and base.transform is None
    _require("every", plain, "strategies that do not learn from their own update", sorted(base.needs))

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

    return _lift(base, init, update)


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
    _require("ema", 0 <= keep < 1, "a share from 0 to below 1", keep)

    def update(signals, state):
        weights, inner, aux = base.update(signals, state.inner)
        before, known = state.own
        moved = jnp.where(known & signals.active, keep * before + (1 - keep) * weights, weights)
        return moved, State((moved, signals.active), inner), aux

    return _lift(base, lambda count: (jnp.zeros(count), jnp.zeros(count, bool)), update)


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
    _require("clip", 0 <= low < high, "bounds with 0 <= low < high", (low, high))

    def update(signals, state):
        weights, inner, aux = base.update(signals, state.inner)
        return jnp.where(signals.active, jnp.clip(weights, low, high), 0.0), state._replace(inner=inner), aux

    return _lift(base, _nothing, update)


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
    _require("warmup", steps >= 0, "a number of steps of at least 0", steps)

    def update(signals, state):
        weights, inner, aux = base.update(signals, state.inner)
        given = jnp.where(state.own < steps, signals.active.astype(weights.dtype), weights)
        return given, State(state.own + 1, inner), aux

    return _lift(base, lambda count: jnp.int32(0), update)


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
    _require("rescale", how in RESCALE, f"one of {', '.join(RESCALE)}", how)
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
        small = jnp.abs(now) <= _TINY
        scaled = jnp.where(small, equal, weights * (wanted / jnp.where(small, 1, now)))
        return scaled, state._replace(inner=inner), aux

    return _lift(base, _nothing, update, needs=frozenset({"gram"} if match else ()))
