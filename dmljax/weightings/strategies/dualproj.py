"""DualProj (the projection of GEM, Lopez-Paz & Ranzato 2017): the mean gradient projected onto the cone in
which no loss rises; exact.

    w = argmin { v^T G' v : v >= 1 / K },   G' = G / trace G + epsilon I
"""

from __future__ import annotations

import jax.numpy as jnp

from dmljax.types import Weighting
from dmljax.weightings.gram import above, strategy
from dmljax.weightings.parts import count, even, require


def build(*, epsilon: float = 1e-4) -> Weighting:
    """Weights of the mean gradient, projected onto the cone in which no loss rises.

    Args:
      epsilon: added to the diagonal of the matrix of trace 1, above 0.

    Raises:
      UserError: an epsilon out of its range.
    """
    require("dualproj", epsilon=(epsilon, epsilon > 0, "above 0"))

    def solve(gram, present):
        system = gram / count(present) + epsilon * jnp.eye(len(gram), dtype=gram.dtype)
        return above(system, even(present), present)

    return strategy(solve)
