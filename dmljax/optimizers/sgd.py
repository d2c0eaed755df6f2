"""Stochastic gradient descent with momentum."""

from __future__ import annotations

import optax

from dmljax.optimizers import _ranges


def build(*, momentum: float = 0.9, nesterov: bool = True) -> optax.GradientTransformation:
    """The gradients' decaying sum.

    Args:
      momentum: what is kept of the former sum; 0: the gradient alone.
      nesterov: look ahead by the momentum (Nesterov's).

    Raises:
      ValueError: `momentum` is not at least 0 and below 1.
    """
    _ranges.shares(momentum=momentum)
    return optax.trace(decay=momentum, nesterov=nesterov)
