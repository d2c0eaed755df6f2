"""UPGrad: each gradient projected onto the cone in which no loss rises, then averaged; exact."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from dmljax.weightings.interface import Weighting
from dmljax.weightings.parts import count, even, require
from dmljax.weightings.quadratic import above
from dmljax.weightings.solvers import strategy


def build(*, epsilon: float = 1e-4) -> Weighting:
    """Projects each gradient onto the cone in which no task's loss rises, and averages the projections.

    With the k-th unit vector e_k:

        w = sum_k argmin { v^T G' v : v >= e_k / K },   G' = G / trace G + epsilon I

    Quinton and Rey, 2024; the strategy that TorchJD recommends.

    DIFFERS: the quadratic programmes are solved exactly inside the compiled step; the original calls a solver
    on the host.

    Needs the Gram matrix of the tasks' gradients. Cost: a forward pass and K pull-backs through the shared
    parameters; with a `representation`, K through what comes after it and one through what comes before.

    Args:
      epsilon: added to the diagonal of the matrix of trace 1, above 0.

    Raises:
      ValueError: an epsilon out of its range.

    Example:
      >>> import jax.numpy as jnp
      >>> from dmljax import weightings
      >>> strategy = weightings.upgrad(epsilon=1e-6)
      >>> gram = jnp.array([[5.0, -2.0], [-2.0, 1.0]])  # v = (0.5, 1) for g_1 and (0.2, 0.5) for g_2
      >>> signals = weightings.Signals(jnp.array([1.0, 2.0]), gram=gram)
      >>> weights = strategy.update(signals, strategy.init(("depth", "normals")))[0]
      >>> [round(float(w), 3) for w in weights]
      [0.7, 1.5]
    """
    require(epsilon=(epsilon, epsilon > 0, "above 0"))

    def solve(gram, present):
        # the mean squared norm is 1: the trace is K
        system = gram / count(present, gram.dtype) + epsilon * jnp.eye(len(gram), dtype=gram.dtype)
        bounds = jnp.diag(even(present, gram.dtype))
        return jax.vmap(lambda bound: above(system, bound, present))(bounds).sum(0)

    return strategy(solve, of_mean=True)
