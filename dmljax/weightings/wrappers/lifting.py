"""What all wrappers are made of: their state, and how the rest of a strategy is handed through."""

from __future__ import annotations

from typing import Any, NamedTuple

from dmljax.weightings.interface import Signals, Weighting, check_strategy

TINY = 1e-12


class State(NamedTuple):
    """What a wrapper carries, beside what its strategy does.

    Attributes:
      own: of the wrapper; () where it carries nothing.
      inner: the state of what it wraps.
    """

    own: Any
    inner: Any


def require(wrapper: str, good: bool, expected: str, value) -> None:
    """Raises ValueError, which names the wrapper and what it takes, unless `good`."""
    if not good:
        raise ValueError(f"the wrapper {wrapper} takes {expected}; got {value!r}")


def lift(base: Weighting, init, update, *, needs=frozenset(), see=lambda signals: signals) -> Weighting:
    """A wrapper: `init(K)` gives its own state, `update` its step; all else is handed through.

    `see` changes the signals.
    """
    check_strategy(base)
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


def nothing(count: int) -> tuple:
    """No state of its own."""
    return ()


def scaled(signals: Signals, scale) -> Signals:
    """The signals with inner products of the gradients scale_k g_k; scale: float [K]."""
    outer = scale[:, None] * scale[None]
    change = lambda matrix: None if matrix is None else matrix * outer
    return signals._replace(gram=change(signals.gram), cross_gram=change(signals.cross_gram))
