"""UPGrad (Quinton & Rey, 2024): each gradient projected onto the cone in which no task's loss rises, then
summed; exact.

    w = sum_k argmin { v^T G' v : v >= e_k / K },   G' = G / trace G + epsilon I
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from dmljax.weightings.interface import Weighting
from dmljax.weightings.parts import count, even, require
from dmljax.weightings.solvers import above, strategy


def build(*, epsilon: float = 1e-4) -> Weighting:
    """Weights of the gradients, each projected onto the cone in which no loss rises, and summed.

    Args:
      epsilon: added to the diagonal of the matrix of trace 1, above 0.

    Raises:
      ValueError: an epsilon out of its range.
    """
    require(epsilon=(epsilon, epsilon > 0, "above 0"))

    def solve(gram, present):
        # the mean squared norm is 1: the trace is K
        system = gram / count(present) + epsilon * jnp.eye(len(gram), dtype=gram.dtype)
        bounds = jnp.diag(even(present))
        return jax.vmap(lambda bound: above(system, bound, present))(bounds).sum(0)

    return strategy(solve)
