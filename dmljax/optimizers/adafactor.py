"""Adafactor: second moments of large matrices by their rows and columns alone, to save memory.

Shazeer & Stern, arXiv:1804.04235.
"""

from __future__ import annotations

import optax

from dmljax.optimizers import _ranges


def build(
    *, decay_rate: float = 0.8, least_factored: int = 128, threshold: float = 1.0, relative: bool = True
) -> optax.GradientTransformation:
    """Adafactor without momentum.

    Args:
      decay_rate: exponent by which the second moments forget more slowly with the steps.
      least_factored: least size of both axes of a matrix whose second moment is factored.
      threshold: largest root mean square of a parameter's step before the learning rate.
      relative: steps are multiplied by the root mean square of the parameter, so that the learning rate is a
        share of it.

    Raises:
      ValueError: a number below its bound.
    """
    _ranges.least(0, decay_rate=decay_rate)
    _ranges.least(1, least_factored=least_factored)
    _ranges.least(1e-6, threshold=threshold)
    whole = optax.adafactor(
        1.0,
        min_dim_size_to_factor=least_factored,
        decay_rate=decay_rate,
        clipping_threshold=threshold,
        multiply_by_parameter_scale=relative,
    )
    return optax.chain(whole, optax.scale(-1.0))  # the learning rate and its sign come later
