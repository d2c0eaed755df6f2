"""LAMB: Adam's step made as long as the layer it moves, for large batches.

You et al., arXiv:1904.00962.
"""

from __future__ import annotations

from collections.abc import Callable

import optax

from dmljax.optimizers import _ranges


def build(
    *,
    weight_decay: float = 0.0,
    b1: float = 0.9,
    b2: float = 0.999,
    epsilon: float = 1e-6,
    decayed: Callable | None = None,
) -> optax.GradientTransformation:
    """Adam with weight decay, each parameter's step scaled to its norm; Adam's numbers are the section's.

    Args:
      weight_decay: of what `decayed` names, before the scaling; `optimizer.weight_decay` takes its place
        where that is above 0.
      b1: decay of the first moment.
      b2: decay of the second moment.
      epsilon: what is added to the root of the second moment.
      decayed: parameters -> the tree of those that decay; None: all.

    Raises:
      ValueError: a negative `weight_decay`.
    """
    _ranges.least(0, weight_decay=weight_decay)
    return optax.chain(
        optax.scale_by_adam(b1=b1, b2=b2, eps=epsilon),
        optax.add_decayed_weights(weight_decay, mask=decayed),
        optax.scale_by_trust_ratio(),
    )
