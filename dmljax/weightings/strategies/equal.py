"""Equal weights: every task counts the same, whatever its scale."""

from __future__ import annotations

import jax.numpy as jnp

from dmljax.weightings.interface import Weighting


def build(*, weight: float = 1.0) -> Weighting:
    """Gives every active task the same weight.

    The weighted sum of the losses:

        w_k = weight

    The plain sum needs no citation; Kurin et al., NeurIPS 2022, advise to try it first, with ordinary
    regularisation.

    Needs the losses alone. Cost: a forward pass and one pull-back, as with equal weights.

    Args:
      weight: of every task; 1 is the sum of the losses, 1 / K their mean.

    Example:
      >>> import jax.numpy as jnp
      >>> from dmljax import weightings
      >>> strategy = weightings.equal()
      >>> signals = weightings.Signals(jnp.array([1.0, 2.0]))
      >>> weights = strategy.update(signals, strategy.init(("depth", "normals")))[0]
      >>> [round(float(w), 3) for w in weights]
      [1.0, 1.0]
    """

    def init(tasks):
        del tasks
        return ()

    def update(signals, state):
        return jnp.where(signals.active, jnp.float32(weight), 0.0), state, {}

    return Weighting(init, update)
