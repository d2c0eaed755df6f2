"""FairGrad (Ban & Ji, ICML 2024): alpha-fair progress of the tasks; alpha 1 is Nash-MTL, alpha 0 would be
equal weights.

    w > 0 with (G w)_k = w_k^(-1 / alpha)
"""

from __future__ import annotations

from dmljax.weightings.interface import Weighting
from dmljax.weightings.parts import require
from dmljax.weightings.solvers import balanced, strategy


def build(*, alpha: float = 2.0, unit: bool = True) -> Weighting:
    """Weights for which the tasks' gains are alpha-fair.

    Args:
      alpha: the fairness, 0.1 <= alpha <= 10.
      unit: weights for gradients divided by their mean length, so that they do not shrink as gradients grow.

    Raises:
      ValueError: an alpha out of its range.
    """
    require(alpha=(alpha, 0.1 <= alpha <= 10, "from 0.1 to 10"))
    return strategy(
        lambda gram, present: (balanced(gram, present, alpha), 0.0 if unit else alpha / (alpha + 1))
    )
