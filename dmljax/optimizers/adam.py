"""Adam, the paper's optimizer (Table 1).

Kingma & Ba, arXiv:1412.6980.
"""

from __future__ import annotations

import optax


def build(*, b1: float = 0.9, b2: float = 0.999, epsilon: float = 1e-8) -> optax.GradientTransformation:
    """Adam; its numbers are those of the section `optimizer`.

    Args:
      b1: decay of the first moment.
      b2: decay of the second moment.
      epsilon: what is added to the root of the second moment.
    """
    return optax.scale_by_adam(b1=b1, b2=b2, eps=epsilon)
