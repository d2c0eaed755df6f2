"""ConFIG: equal angles to all gradients, and the length that their projections sum up to."""

from __future__ import annotations

import jax.numpy as jnp

from dmljax.weightings.interface import Weighting
from dmljax.weightings.solvers import correlations, pseudo_inverse, strategy

TRAITS = frozenset({"signed"})


def build() -> Weighting:
    """Takes the direction at equal angles to all gradients, as long as their projections on it together.

    With U the unit gradients u_k:

        x = (U U^T)^+ 1;   d = sum_k x_k u_k;   direction = d / |d| sum_k g_k . d / |d|

    Liu, Chu and Thuerey, ICLR 2025.

    Weights may be negative. The Gram matrix is enough; the original takes the whole gradients.

    Needs the Gram matrix of the tasks' gradients. Cost: a forward pass and K pull-backs through the shared
    parameters; with a `representation`, K through what comes after it and one through what comes before.

    Example:
      >>> import jax.numpy as jnp
      >>> from dmljax import weightings
      >>> strategy = weightings.config_mtl()
      >>> signals = weightings.Signals(jnp.array([1.0, 2.0]), gram=jnp.array([[4.0, 0.0], [0.0, 1.0]]))
      >>> weights = strategy.update(signals, strategy.init(("depth", "normals")))[0]
      >>> [round(float(w), 3) for w in weights]
      [0.75, 1.5]
    """

    def solve(gram, present):
        cosines, lengths = correlations(gram)
        x = pseudo_inverse(cosines, present) @ present.astype(gram.dtype)
        along = jnp.where(present, cosines @ x, 0)  # u_k . d
        squared = jnp.maximum(x @ along, 1e-20)
        return x / lengths * (lengths * along).sum() / squared

    return strategy(solve)
