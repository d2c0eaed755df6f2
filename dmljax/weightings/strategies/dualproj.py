"""DualProj: the mean gradient projected onto the cone in which no loss rises; exact."""

from __future__ import annotations

import jax.numpy as jnp

from dmljax.weightings.interface import Weighting
from dmljax.weightings.parts import count, even, require
from dmljax.weightings.quadratic import above
from dmljax.weightings.solvers import strategy


def build(*, epsilon: float = 1e-4) -> Weighting:
    """Projects the mean gradient onto the cone in which no task's loss rises.

    With the Gram matrix G:

        w = argmin { v^T G' v : v >= 1 / K },   G' = G / trace G + epsilon I

    The projection of GEM, Lopez-Paz and Ranzato, 2017; the name is TorchJD's.

    DIFFERS: the quadratic programme is solved exactly inside the compiled step, not on the host.

    Needs the Gram matrix of the tasks' gradients. Cost: a forward pass and K pull-backs through the shared
    parameters; with a `representation`, K through what comes after it and one through what comes before.

    Args:
      epsilon: added to the diagonal of the matrix of trace 1, above 0.

    Raises:
      ValueError: an epsilon out of its range.

    Example:
      >>> import jax.numpy as jnp
      >>> from dmljax import weightings
      >>> strategy = weightings.dualproj(epsilon=1e-6)
      >>> gram = jnp.array([[5.0, -2.0], [-2.0, 1.0]])  # the mean's product with g_2 is -0.5: more of g_2
      >>> signals = weightings.Signals(jnp.array([1.0, 2.0]), gram=gram)
      >>> weights = strategy.update(signals, strategy.init(("depth", "normals")))[0]
      >>> [round(float(w), 3) for w in weights]
      [0.5, 1.0]
    """
    require(epsilon=(epsilon, epsilon > 0, "above 0"))

    def solve(gram, present):
        system = gram / count(present, gram.dtype) + epsilon * jnp.eye(len(gram), dtype=gram.dtype)
        return above(system, even(present, gram.dtype), present)

    return strategy(solve, of_mean=True)
