"""Random loss weighting: the control that every other strategy has to beat."""

from __future__ import annotations

import jax

from dmljax.weightings.interface import Weighting
from dmljax.weightings.parts import count, softmax

TRAITS = frozenset({"ordered"})


def build() -> Weighting:
    """Draws the weights at random, anew at every step.

    A softmax of standard normal numbers:

        w = K softmax(x),   x ~ N(0, I)

    Lin et al., TMLR 2022 (RLW).

    DIFFERS: the original's weights sum to 1; here they sum to the number of active tasks, so that the
    learning rate means the same as with equal weights.

    Needs a random key, the same on every device. Cost: a forward pass and one pull-back, as with equal
    weights.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from dmljax import weightings
      >>> strategy = weightings.rlw()
      >>> signals = weightings.Signals(jnp.array([1.0, 2.0]), rng=jax.random.key(0))
      >>> weights = strategy.update(signals, strategy.init(("depth", "normals")))[0]
      >>> round(float(weights.sum()), 3)
      2.0
    """

    def update(signals, state):
        drawn = jax.random.normal(signals.rng, signals.losses.shape)
        return count(signals.active) * softmax(drawn, signals.active), state, {}

    return Weighting(lambda tasks: (), update, frozenset({"rng"}))
