"""Fixed weights, one for each task by its name."""

from __future__ import annotations

import jax.numpy as jnp

from dmljax.weightings.interface import Weighting

TRAITS = frozenset({"ordered"})


def build(**weights: float) -> Weighting:
    """Gives each task the weight that stands beside its name.

    The weights never change:

        w_k = weights[name of task k], 1 for a task that is not named

    A weight of 0 leaves a task out. Weights chosen by hand are the baseline that a strategy has to beat.

    Needs the losses alone. Cost: a forward pass and one pull-back, as with equal weights.

    Args:
      weights: task -> its weight, at least 0.

    Raises:
      ValueError: a negative weight or only zeros; from `init`, a name that is no task.

    Example:
      >>> import jax.numpy as jnp
      >>> from dmljax import weightings
      >>> strategy = weightings.fixed(depth=0.5)
      >>> signals = weightings.Signals(jnp.array([1.0, 2.0]))
      >>> weights = strategy.update(signals, strategy.init(("depth", "normals")))[0]
      >>> [round(float(w), 3) for w in weights]
      [0.5, 1.0]
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
