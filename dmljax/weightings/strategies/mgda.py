"""MGDA: the shortest convex combination of the gradients, found exactly."""

from __future__ import annotations

from dmljax.weightings.interface import Weighting
from dmljax.weightings.quadratic import least_norm
from dmljax.weightings.solvers import strategy


def build() -> Weighting:
    """Weighs tasks by the shortest vector in the convex hull of their gradients.

    With the Gram matrix G:

        w = argmin over the simplex of w^T G w

    Désidéri, 2012; for networks Sener and Koltun, NeurIPS 2018.

    Weights sum to 1. The optimum is met to rounding, also where gradients are parallel.
    `weightings.normalise` gives the variants with normalised gradients.

    Needs the Gram matrix of the tasks' gradients. Cost: a forward pass and K pull-backs through the shared
    parameters; with a `representation`, K through what comes after it and one through what comes before.

    Example:
      >>> import jax.numpy as jnp
      >>> from dmljax import weightings
      >>> strategy = weightings.mgda()
      >>> signals = weightings.Signals(jnp.array([1.0, 2.0]), gram=jnp.array([[4.0, 0.0], [0.0, 1.0]]))
      >>> weights = strategy.update(signals, strategy.init(("depth", "normals")))[0]
      >>> [round(float(w), 3) for w in weights]
      [0.2, 0.8]
    """
    return strategy(least_norm)
