"""Scale-invariant weighting: the sum of the losses' logarithms is minimised."""

from __future__ import annotations

import jax.numpy as jnp

from dmljax.weightings.interface import Weighting
from dmljax.weightings.parts import require


def build(*, epsilon: float = 1e-3) -> Weighting:
    """Minimises the sum of the losses' logarithms, whatever their scales.

    The weights are the derivatives of the objective:

        minimise sum_k log L_k
        w_k = 1 / (L_k + epsilon)

    The baseline SI of Navon et al., ICML 2022 (Nash-MTL); half of what `db_mtl` does.

    Needs the losses alone. Cost: a forward pass and one pull-back, as with equal weights.

    Args:
      epsilon: added to each loss, above 0; it bounds the weight of a loss that vanishes.

    Raises:
      ValueError: an epsilon out of its range.

    Example:
      >>> import jax.numpy as jnp
      >>> from dmljax import weightings
      >>> strategy = weightings.log(epsilon=1.0)
      >>> signals = weightings.Signals(jnp.array([1.0, 4.0]))
      >>> weights = strategy.update(signals, strategy.init(("depth", "normals")))[0]
      >>> [round(float(w), 3) for w in weights]
      [0.5, 0.2]
    """
    require(epsilon=(epsilon, epsilon > 0, "above 0"))

    def update(signals, state):
        known = signals.active & signals.valid
        weights = jnp.where(known, 1 / (jnp.maximum(signals.losses, 0) + epsilon), 1.0)
        return jnp.where(signals.active, weights, 0.0), state, {}

    return Weighting(lambda tasks: (), update, frozenset({"losses", "positive"}))
