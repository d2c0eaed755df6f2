"""Fixed weights, one field a task; a weight of 0 leaves a task out (single-task baselines)."""

from __future__ import annotations

import jax.numpy as jnp

from dmljax.types import UserError, Weighting

TRAITS = frozenset({"ordered"})


def build(**weights: float) -> Weighting:
    """w_k as given.

    Args:
      weights: the weight of each task by its name, at least 0; tasks that a run lacks are ignored.

    Raises:
      UserError: a negative weight, or no positive one; from `init`, a task without a weight.
    """
    if any(not w >= 0 for w in weights.values()) or not any(weights.values()):
        raise UserError(
            f"weighting.fixed: weights must be non-negative, and one of them positive; got {weights}"
        )

    def init(tasks):
        lacking = [task for task in tasks if task not in weights]
        if lacking:
            raise UserError(
                f"weighting.fixed has no weight for {', '.join(lacking)}; it has {', '.join(weights)}"
            )
        return jnp.asarray([weights[task] for task in tasks], jnp.float32)

    def update(signals, state):
        return jnp.where(signals.active, state, 0.0), state, {}

    return Weighting(init, update)
