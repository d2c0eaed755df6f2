"""Lion: the sign of a momentum, one number a parameter to remember.

Chen et al., arXiv:2302.06675. Learning rates are about a tenth of Adam's.
"""

from __future__ import annotations

import optax

from dmljax.optimizers import _ranges


def build(*, keep: float = 0.9, memory: float = 0.99) -> optax.GradientTransformation:
    """Lion; `keep` and `memory` are its beta 1 and 2, which stand for other things than Adam's.

    Args:
      keep: what the step keeps of the momentum.
      memory: what the momentum keeps of itself.

    Raises:
      ValueError: `keep` or `memory` is not at least 0 and below 1.
    """
    _ranges.shares(keep=keep, memory=memory)
    return optax.scale_by_lion(b1=keep, b2=memory)
