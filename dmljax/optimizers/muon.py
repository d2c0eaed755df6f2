"""Muon: the momentum of matrices and convolutions made orthogonal; Adam for all else.

Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/; the scale is that of Liu et al.,
arXiv:2502.16982, by which its learning rate is Adam's.
"""

from __future__ import annotations

import jax
import optax
from optax.contrib import MuonDimensionNumbers, muon

from dmljax.optimizers import _ranges

SCALE = 0.2  # root mean square of its steps, about that of Adam's


def build(
    *,
    momentum: float = 0.95,
    nesterov: bool = True,
    iterations: int = 5,
    b1: float = 0.9,
    b2: float = 0.999,
    epsilon: float = 1e-8,
) -> optax.GradientTransformation:
    """Muon; `b1`, `b2` and `epsilon` of the section are those of the Adam beside it.

    Args:
      momentum: what is kept of the former momentum.
      nesterov: look ahead by the momentum (Nesterov's).
      iterations: of Newton and Schulz, which make the momentum orthogonal.
      b1: decay of Adam's first moment.
      b2: decay of Adam's second moment.
      epsilon: what keeps both from dividing by nothing.

    Raises:
      ValueError: `momentum` is not at least 0 and below 1, or there is no iteration.
    """
    _ranges.shares(momentum=momentum)
    _ranges.least(1, iterations=iterations)
    whole = muon(
        1.0,
        ns_steps=iterations,
        beta=momentum,
        eps=epsilon,
        nesterov=nesterov,
        adam_b1=b1,
        adam_b2=b2,
        muon_weight_dimension_numbers=_matrices,
        consistent_rms=SCALE,
    )
    return optax.chain(whole, optax.scale(-1.0))  # the learning rate and its sign come later


def _matrices(params):
    """How each parameter is a matrix: inputs by outputs; a convolution's inputs are its window too."""

    def axes(parameter):
        if parameter.ndim < 2:
            return None
        return MuonDimensionNumbers(tuple(range(parameter.ndim - 1)), parameter.ndim - 1)

    return jax.tree.map(axes, params)
