"""MGDA (Désidéri 2012; Sener & Koltun, NeurIPS 2018): the shortest convex combination of the gradients, found
exactly.

    w = argmin over the simplex of w^T G w
"""

from __future__ import annotations

from dmljax.weightings.interface import Weighting
from dmljax.weightings.solvers import least_norm, strategy


def build() -> Weighting:
    """Weights of the shortest vector in the hull of the gradients; they sum to 1.

    Every face of the simplex is tried, so the optimum is met to rounding, also where gradients are parallel.
    `weighting.wrap.normalise` gives the variants with normalised gradients.
    """
    return strategy(least_norm)
