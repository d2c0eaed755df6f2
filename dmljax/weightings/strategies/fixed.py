"""Fixed weights, one field a task; a weight of 0 leaves a task out (single-task baselines)."""

from __future__ import annotations

import jax.numpy as jnp

from dmljax.types import TASKS, UserError, Weighting


def default_config() -> dict:
    """Fields: the weight of each task."""
    return {task: 1.0 for task in TASKS}


def build(**weights: float) -> Weighting:
    """w_k as given.

    Raises:
      UserError: a negative weight, or no positive one.
    """
    if any(not w >= 0 for w in weights.values()) or not any(w > 0 for w in weights.values()):
        raise UserError(
            f"weighting.fixed: weights must be non-negative, and one of them positive; got {weights}"
        )

    def init(tasks):
        return jnp.asarray([weights[task] for task in tasks], jnp.float32)

    def update(signals, state):
        return jnp.where(signals.active, state, 0.0), state, {}

    return Weighting(init, update)
