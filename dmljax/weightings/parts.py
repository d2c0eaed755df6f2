"""What several strategies share: a softmax over the active tasks, a small Adam, checks of fields."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

TINY = 1e-12


def require(**fields) -> None:
    """Fields as name=(value, whether it is in range, what was expected).

    Raises:
      ValueError: names the first field that is not.
    """
    for name, (value, good, expected) in fields.items():
        if not good:
            raise ValueError(f"{name} must be {expected}, got {value}")


def softmax(values, active):
    """Softmax over the active tasks, 0 for the others; shifted, so that it cannot overflow."""
    top = jnp.max(jnp.where(active, values, -jnp.inf), initial=-jnp.inf, where=active)
    powers = jnp.where(
        active, jnp.exp(jnp.where(active, values - jnp.where(jnp.isfinite(top), top, 0), 0)), 0.0
    )
    return powers / jnp.maximum(powers.sum(), TINY)


def count(mask, dtype=float):
    """How many are True, as a float; at least 1, so that it can be divided by."""
    return jnp.maximum(mask.sum(), 1).astype(dtype)


def even(mask, dtype=float):
    """1 / n for each of the n that are True, [K]."""
    return mask.astype(dtype) / count(mask, dtype)


class Adam(NamedTuple):
    """Moments and step count of Adam on a vector [K]; a task's entry moves only while the task is trained."""

    first: jax.Array
    second: jax.Array
    steps: jax.Array


def adam_init(size: int) -> Adam:
    return Adam(jnp.zeros(size), jnp.zeros(size), jnp.zeros(size, jnp.int32))


def adam(
    gradient, state: Adam, moves, *, rate: float, b1: float = 0.9, b2: float = 0.999, epsilon: float = 1e-8
):
    """(change of the parameters [K], new state); `moves` bool [K]."""
    steps = state.steps + moves.astype(jnp.int32)
    first = jnp.where(moves, b1 * state.first + (1 - b1) * gradient, state.first)
    second = jnp.where(moves, b2 * state.second + (1 - b2) * gradient**2, state.second)
    t = jnp.maximum(steps, 1).astype(first.dtype)
    change = -rate * (first / (1 - b1**t)) / (jnp.sqrt(second / (1 - b2**t)) + epsilon)
    return jnp.where(moves, change, 0.0), Adam(first, second, steps)
