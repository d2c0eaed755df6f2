"""Single-task training: one loss trains the whole network, the others are left out; the baseline of every
comparison.
"""

from __future__ import annotations

import jax.numpy as jnp

from dmljax.types import TASKS, UserError, Weighting


def default_config() -> dict:
    """Fields: `task`, the one that is trained."""
    return {"task": "expression"}


def build(*, task: str = "expression") -> Weighting:
    """w = 1 for `task`, 0 for the others.

    Raises:
      UserError: no such task, or the network lacks it.
    """
    if task not in TASKS:
        raise UserError(f"weighting.single.task must be one of {', '.join(TASKS)}, got '{task}'")

    def init(tasks):
        if task not in tasks:
            raise UserError(
                f"weighting.single.task={task}, but this configuration has only {', '.join(tasks)}"
            )
        return jnp.asarray([float(name == task) for name in tasks])

    return Weighting(init, lambda signals, state: (jnp.where(signals.active, state, 0.0), state, {}))
