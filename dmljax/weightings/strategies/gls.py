"""Geometric loss strategy: the losses' geometric mean is minimised."""

from __future__ import annotations

import jax.numpy as jnp

from dmljax.weightings.interface import Weighting
from dmljax.weightings.parts import count, require


def build(*, epsilon: float = 1e-3) -> Weighting:
    """Minimises the geometric mean of the losses.

    The weights are the derivatives of the objective:

        minimise (prod_k L_k)^(1/K)
        w_k = GM / (K L_k),   GM the geometric mean

    Chennupati et al., CVPR workshops 2019 (GLS).

    The mean is over the tasks that the batch held anything for; an active task without any has 1 / K.

    Needs the losses alone. Cost: a forward pass and one pull-back, as with equal weights.

    Args:
      epsilon: the least value that a loss counts as, above 0; it bounds the weight of one that vanishes.

    Raises:
      ValueError: an epsilon out of its range.

    Example:
      >>> import jax.numpy as jnp
      >>> from dmljax import weightings
      >>> strategy = weightings.gls()
      >>> signals = weightings.Signals(jnp.array([1.0, 4.0]))
      >>> weights = strategy.update(signals, strategy.init(("depth", "normals")))[0]
      >>> [round(float(w), 3) for w in weights]
      [1.0, 0.25]
    """
    require(epsilon=(epsilon, epsilon > 0, "above 0"))

    def update(signals, state):
        known = signals.active & signals.valid
        losses = jnp.maximum(signals.losses, epsilon)
        number = count(known)
        mean = jnp.exp(jnp.where(known, jnp.log(losses), 0).sum() / number)
        weights = jnp.where(known, mean / (number * losses), 1 / number)
        return jnp.where(signals.active, weights, 0.0), state, {}

    return Weighting(lambda tasks: (), update, frozenset({"losses", "positive"}))
