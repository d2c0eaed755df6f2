"""Single-task training: one loss trains the whole network, the others are left out."""

from __future__ import annotations

import jax.numpy as jnp

from dmljax.weightings.interface import Weighting

TRAITS = frozenset({"selective", "ordered"})


def build(*, task: str = "") -> Weighting:
    """Trains one task alone and gives the others weight 0.

    The weights never change:

        w_k = 1 for the chosen task, 0 for the others

    One such run a task gives the single-task scores that delta-m, the mean relative loss of a multi-task
    network, is measured against.

    Needs the losses alone. Cost: a forward pass and one pull-back, as with equal weights.

    Args:
      task: its name; empty: the first.

    Raises:
      ValueError: from `init`, there is no such task.

    Example:
      >>> import jax.numpy as jnp
      >>> from dmljax import weightings
      >>> strategy = weightings.single(task="normals")
      >>> signals = weightings.Signals(jnp.array([1.0, 2.0]))
      >>> weights = strategy.update(signals, strategy.init(("depth", "normals")))[0]
      >>> [round(float(w), 3) for w in weights]
      [0.0, 1.0]
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
