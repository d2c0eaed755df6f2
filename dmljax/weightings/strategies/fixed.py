"""Fixed weights, one for each task by its name; a weight of 0 leaves a task out (single-task baselines)."""

from __future__ import annotations

import jax.numpy as jnp

from dmljax.weightings.interface import Weighting

TRAITS = frozenset({"ordered"})


def build(**weights: float) -> Weighting:
    """w_k as given; a task that is not named has weight 1.

    Args:
      weights: task -> its weight, at least 0.

    Raises:
      ValueError: a negative weight or only zeros; from `init`, a name that is no task.
    """
    if any(not w >= 0 for w in weights.values()) or (weights and not any(w > 0 for w in weights.values())):
        raise ValueError(f"weights must be non-negative, and one of them positive; got {weights}")
    by_name = lambda tasks: jnp.asarray([weights.get(task, 1.0) for task in tasks], jnp.float32)

    def init(tasks):
        if unknown := sorted(set(weights) - set(tasks)):
            raise ValueError(f"weights of {', '.join(unknown)}, but the tasks are {', '.join(tasks)}")
        return by_name(tasks)

    def update(signals, state):
        weight = state if signals.tasks is None else by_name(signals.tasks)
        return jnp.where(signals.active, weight, 0.0), state, {}

    return Weighting(init, update)
