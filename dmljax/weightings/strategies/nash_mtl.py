"""Nash-MTL (Navon et al., ICML 2022): the bargaining solution, found by Newton steps.

w > 0 with (G w)_k = 1 / w_k
"""

from __future__ import annotations

from dmljax.weightings.interface import Weighting
from dmljax.weightings.solvers import balanced, strategy


def build(*, unit: bool = True) -> Weighting:
    """Weights of the tasks' bargaining solution.

    Args:
      unit: weights for gradients divided by their mean length, so that they do not shrink as gradients grow.
        Without it the equation holds literally, and weights are of the order of 1 over the gradients' length.
    """
    return strategy(lambda gram, present: (balanced(gram, present, 1.0), 0.0 if unit else 0.5))
