"""DualProj (the projection of GEM, Lopez-Paz & Ranzato 2017): the mean gradient projected onto the cone in
which no loss rises; exact.

    w = argmin { v^T G' v : v >= 1 / K },   G' = G / trace G + epsilon I
"""

from __future__ import annotations

import jax.numpy as jnp

from dmljax.weightings.interface import Weighting
from dmljax.weightings.parts import count, even, require
from dmljax.weightings.solvers import above, strategy


def default_config() -> dict:
    """Fields: `epsilon`, added to the diagonal of the matrix of trace 1."""
    return {"epsilon": 1e-4}


def build(*, epsilon: float = 1e-4) -> Weighting:
    """Raises UserError for an epsilon that is not above 0."""
    require("dualproj", epsilon=(epsilon, epsilon > 0, "above 0"))

    def solve(gram, present):
        system = gram / count(present) + epsilon * jnp.eye(len(gram), dtype=gram.dtype)
        return above(system, even(present), present)

    return strategy(solve)
