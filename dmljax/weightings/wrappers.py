"""Wrappers: changes to any weighting strategy, so that they need not be options of each. Strategy in,
strategy out.

They change what the strategy sees (log_losses, normalise, window), when it is asked (every, warmup), and what
becomes of its answer (ema, low and high, rescale).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from dmljax.types import UserError, Weighting

NORMALISE = ("none", "unit", "loss", "max")
RESCALE = ("none", "sum_1", "sum_K", "match_equal")
_TINY = 1e-12


class Options(NamedTuple):
    """Attributes:
    log_losses: the strategy sees log L_k and the gradients of it; its weights are divided by L_k.
    normalise: the strategy sees gradients divided by their norm ('unit'), by their loss ('loss'), or made
      as long as the longest ('max'); its weights are changed back accordingly.
    window: the strategy sees means of the losses over so many steps (sliding; with `every` the same, block
      by block).
    every: the strategy is asked every so many steps; its weights are held in between.
    warmup: weight 1 for every task during the first so many steps, in which the strategy is already asked.
    ema: share of the former weights that is kept at each answer (CR-MOGM has 0.9); 0: none.
    low, high: bounds on each active weight; high 0: none.
    rescale: the weights' sum is made 1 or the number of tasks, or the weighted gradient as long as that of
      equal weights ('match_equal'); 'none' leaves it to the strategy.
    """

    log_losses: bool = False
    normalise: str = "none"
    window: int = 1
    every: int = 1
    warmup: int = 0
    ema: float = 0.0
    low: float = 0.0
    high: float = 0.0
    rescale: str = "none"


class State(NamedTuple):
    """own: what a wrapper carries; inner: the state of what it wraps."""

    own: Any
    inner: Any


def wrap(base: Weighting, **fields) -> Weighting:
    """The strategy with the options' changes; itself where there are none.

    Raises:
      UserError: an option out of its range, or one that the strategy cannot take.
    """
    options = Options(**fields)
    _check(base, options)
    if options.log_losses:
        base = log_losses(base)
    if options.normalise != "none":
        base = normalise(base, options.normalise)
    if options.every > 1:
        base = every(base, options.every)
    if options.window > 1:  # outside of `every`: the window fills at every step
        base = window(base, options.window)
    if options.ema:
        base = ema(base, options.ema)
    if options.low or options.high:
        base = clip(base, options.low, options.high or jnp.inf)
    if options.warmup:
        base = warmup(base, options.warmup)
    return base if options.rescale == "none" else rescale(base, options.rescale)


def _check(base: Weighting, options: Options) -> None:
    ranges = [
        ("window", options.window >= 1),
        ("every", options.every >= 1),
        ("warmup", options.warmup >= 0),
        ("ema", 0 <= options.ema < 1),
        ("low", options.low >= 0),
        ("high", options.high == 0 or options.high > options.low),
    ]
    for name, good in ranges:
        if not good:
            raise UserError(f"weighting.wrap.{name} is out of its range: {getattr(options, name)}")
    for name, allowed in (("normalise", NORMALISE), ("rescale", RESCALE)):
        if getattr(options, name) not in allowed:
            raise UserError(
                f"weighting.wrap.{name} must be one of {', '.join(allowed)}, got '{getattr(options, name)}'"
            )
    if options.normalise != "none" and "gram" not in base.needs:
        raise UserError(
            "weighting.wrap.normalise changes the Gram matrix, which this strategy does not use; set it to"
            " none"
        )
    if "jacobian" in base.needs and (options.log_losses or options.normalise != "none"):
        raise UserError(
            "weighting.wrap.log_losses and normalise do not go with strategies that work on the gradients"
            " themselves"
        )
    if (base.post or base.transform) and options.every > 1:
        raise UserError(
            "weighting.wrap.every does not go with strategies that learn at every step from their own update"
        )


def _lift(base: Weighting, init, update, *, needs=frozenset(), see=lambda signals: signals) -> Weighting:
    """A wrapper: `init(K)` gives its own state, `update` its step; the rest is handed through. `see` changes
    the signals.
    """
    transform = post = None
    if base.transform is not None:

        def transform(jacobian, signals, state):
            jacobian, inner = base.transform(jacobian, signals, state.inner)
            return jacobian, state._replace(inner=inner)

    if base.post is not None:

        def post(signals, after, state):
            return state._replace(
                inner=base.post(see(signals), see(signals._replace(losses=after)).losses, state.inner)
            )

    return Weighting(
        lambda tasks, *rest: State(init(len(tasks)), base.init(tasks, *rest)),
        update,
        base.needs | needs,
        transform,
        post,
    )


def log_losses(base: Weighting) -> Weighting:
    """d log L_k = d L_k / L_k: scale-free losses."""

    def see(signals):
        losses = jnp.maximum(signals.losses, _TINY)
        return _scaled(signals, 1 / losses)._replace(losses=jnp.log(losses))

    def update(signals, state):
        weights, inner, aux = base.update(see(signals), state.inner)
        return weights / jnp.maximum(signals.losses, _TINY), state._replace(inner=inner), aux

    return _lift(base, lambda count: (), update, needs=frozenset({"losses", "positive"}), see=see)


def normalise(base: Weighting, how: str) -> Weighting:
    """Gradients s_k g_k in place of g_k; the answer w'_k is a weight w'_k s_k of g_k."""

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

    return _lift(
        base,
        lambda count: (),
        update,
        needs=frozenset({"losses", "positive"}) if how == "loss" else frozenset(),
    )


def _scaled(signals, scale):
    outer = scale[:, None] * scale[None]
    change = lambda matrix: None if matrix is None else matrix * outer
    return signals._replace(gram=change(signals.gram), cross_gram=change(signals.cross_gram))


def window(base: Weighting, size: int) -> Weighting:
    """Means over the last `size` valid losses; a task starts its window anew when it comes back from being
    inactive.
    """

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
    """Asked at steps 0, n, 2 n, ...; a change of the active tasks asks at once."""

    def init(count):
        return jnp.zeros(count), jnp.zeros(count, bool)

    def update(signals, state):
        held, active = state.own
        due = (signals.step % steps == 0) | (active != signals.active).any()
        weights, inner, aux = base.update(signals, state.inner)
        pick = lambda new, old: jnp.where(due, new, old)
        weights = pick(weights, held)
        return weights, State((weights, signals.active), jax.tree.map(pick, inner, state.inner)), aux

    return _lift(base, init, update)


def ema(base: Weighting, keep: float) -> Weighting:
    """w_t = keep w_{t-1} + (1 - keep) w: the moving average of CR-MOGM; from a task's first active step
    on.
    """

    def update(signals, state):
        weights, inner, aux = base.update(signals, state.inner)
        before, known = state.own
        moved = jnp.where(known & signals.active, keep * before + (1 - keep) * weights, weights)
        return moved, State((moved, signals.active), inner), aux

    return _lift(base, lambda count: (jnp.zeros(count), jnp.zeros(count, bool)), update)


def clip(base: Weighting, low: float, high) -> Weighting:
    """Active weights within [low, high]."""

    def update(signals, state):
        weights, inner, aux = base.update(signals, state.inner)
        return jnp.where(signals.active, jnp.clip(weights, low, high), 0.0), state._replace(inner=inner), aux

    return _lift(base, lambda count: (), update)


def warmup(base: Weighting, steps: int) -> Weighting:
    """Weight 1 before step `steps`."""

    def update(signals, state):
        weights, inner, aux = base.update(signals, state.inner)
        return (
            jnp.where(signals.step < steps, signals.active.astype(weights.dtype), weights),
            state._replace(inner=inner),
            aux,
        )

    return _lift(base, lambda count: (), update)


def rescale(base: Weighting, how: str) -> Weighting:
    """The same direction, another length; where the present length is 0, equal weights."""

    def update(signals, state):
        weights, inner, aux = base.update(signals, state.inner)
        active = signals.active.astype(weights.dtype)
        if how == "match_equal":
            length = lambda w: jnp.sqrt(jnp.maximum(w @ signals.gram @ w, 0))
            now, wanted = length(weights), length(active)
        else:
            now, wanted = weights.sum(), 1.0 if how == "sum_1" else active.sum()
        equal = active * (wanted / jnp.maximum(active.sum(), 1)) if how != "match_equal" else active
        small = jnp.abs(now) <= _TINY
        return (
            jnp.where(small, equal, weights * (wanted / jnp.where(small, 1, now))),
            state._replace(inner=inner),
            aux,
        )

    return _lift(
        base, lambda count: (), update, needs=frozenset({"gram"}) if how == "match_equal" else frozenset()
    )
