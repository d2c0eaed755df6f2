"""Single-task training: one loss trains the whole network, the others are left out."""

from __future__ import annotations

import jax.numpy as jnp

from dmljax.weightings.interface import Weighting

TRAITS = frozenset({"selective", "ordered"})


def build(*, task: str = "") -> Weighting:
    """w = 1 for one task, 0 for the others.

    Args:
      task: its name; empty: the first.

    Raises:
      ValueError: from `init`, there is no such task.
    """
    chosen = lambda tasks: jnp.asarray([float(name == (task or tasks[0])) for name in tasks])

    def init(tasks):
        if task and task not in tasks:
            raise ValueError(f"there is no task {task!r}; there are {', '.join(tasks)}")
        return chosen(tasks)

    def update(signals, state):
        weight = chosen(signals.tasks) if task and signals.tasks is not None else state
        return jnp.where(signals.active, weight, 0.0), state, {}

    return Weighting(init, update)
