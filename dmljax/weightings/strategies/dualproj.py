"""DualProj (the projection of GEM, Lopez-Paz & Ranzato 2017): the mean gradient projected onto the cone in
which no loss rises; exact.

    w = argmin { v^T G' v : v >= 1 / K },   G' = G / trace G + epsilon I
"""

from __future__ import annotations

import jax.numpy as jnp

from dmljax.weightings.interface import Weighting
from dmljax.weightings.parts import count, even, require
from dmljax.weightings.solvers import above, strategy


def build(*, epsilon: float = 1e-4) -> Weighting:
    """Weights of the mean gradient, projected onto the cone in which no loss rises.

    Args:
      epsilon: added to the diagonal of the matrix of trace 1, above 0.

    Raises:
      ValueError: an epsilon out of its range.
    """
    require(epsilon=(epsilon, epsilon > 0, "above 0"))

    def solve(gram, present):
        system = gram / count(present) + epsilon * jnp.eye(len(gram), dtype=gram.dtype)
        return above(system, even(present), present)

    return strategy(solve)
