"""Single-task training: one loss trains the whole network, the others are left out; the baseline of every
comparison.
"""

from __future__ import annotations

import jax.numpy as jnp

from dmljax.types import UserError, Weighting

TRAITS = frozenset({"selective", "ordered"})


def build(*, task: str = "") -> Weighting:
    """w = 1 for `task`, 0 for the others.

    Args:
      task: the one that is trained; empty: the first.

    Raises:
      UserError: from `init`, a task that is not among the run's.
    """

    def init(tasks):
        if task and task not in tasks:
            raise UserError(f"weighting.single.task must be one of {', '.join(tasks)}; got '{task}'")
        return jnp.asarray([float(name == (task or tasks[0])) for name in tasks])

    return Weighting(init, lambda signals, state: (jnp.where(signals.active, state, 0.0), state, {}))
