"""SDMGrad: MGDA that stays near the mean gradient, with inner products from two samples."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from dmljax.weightings.interface import Weighting
from dmljax.weightings.parts import TINY, even, require
from dmljax.weightings.solvers import onto_simplex


class State(NamedTuple):
    """Where the search ended.

    Attributes:
      weights: w of the step before, float32 [K]; the search goes on from there.
    """

    weights: object


def build(*, nearness: float = 0.3, rate: float = 1.0, momentum: float = 0.5, steps: int = 20) -> Weighting:
    """Solves MGDA near the mean gradient, with unbiased inner products from two independent samples.

    With the gradients J1 and J2 of the two samples, and u = 1 / K:

        A = J1 J2^T, made symmetric and divided by its largest sum of absolute values in a row
        repeat: w <- project onto the simplex: w - rate A (w + lambda u), with momentum
        weights = (w + lambda u) / (1 + lambda)

    Xiao et al., NeurIPS 2023.

    J1 and J2 come from the two halves of a step's micro-batches, so `micro_batches` of `value_and_grad` (in a
    configuration, data.accumulate) has to be even. Weights sum to 1.

    DIFFERS: the original draws a third sample for the step itself; here the step takes the mean of both
    halves. The original divides A by its diagonal and searches with a rate of 5, which makes w jump between
    corners of the simplex until the steps are over; here rates below 2 (1 + momentum) end at the minimum
    where A has one.

    Needs the Gram matrix between two halves. Cost: as many forward passes as micro-batches, each with K
    pull-backs through the shared parameters.

    Args:
      nearness: lambda, how near to the mean gradient, at least 0.
      rate: step size of the search for w, 0 < rate < 2 (1 + momentum).
      momentum: of the search, 0 <= momentum < 1.
      steps: of the search, 1 to 1000.

    Raises:
      ValueError: a field out of its range.

    Example:
      >>> import jax.numpy as jnp
      >>> from dmljax import weightings
      >>> strategy = weightings.sdmgrad()
      >>> between = jnp.array([[4.0, 0.0], [0.0, 1.0]])
      >>> signals = weightings.Signals(jnp.array([1.0, 2.0]), cross_gram=between)
      >>> weights = strategy.update(signals, strategy.init(("depth", "normals")))[0]
      >>> [round(float(w), 3) for w in weights]
      [0.2, 0.8]
    """
    require(
        nearness=(nearness, nearness >= 0, "at least 0"),
        momentum=(momentum, 0 <= momentum < 1, "from 0 to below 1"),
        rate=(rate, 0 < rate < 2 * (1 + momentum), f"above 0 and below {2 * (1 + momentum):g}"),
        steps=(steps, 1 <= steps <= 1000, "from 1 to 1000"),
    )

    def update(signals, state):
        active = signals.active & signals.valid
        mean = even(active)
        between = active[:, None] & active[None]
        matrix = jnp.where(between, signals.cross_gram + signals.cross_gram.T, 0)
        matrix = matrix / jnp.maximum(jnp.abs(matrix).sum(1).max(), TINY)  # at least its largest eigenvalue

        def search(_, carry):
            w, velocity = carry
            velocity = momentum * velocity + matrix @ (w + nearness * mean)
            return onto_simplex(w - rate * velocity, active), velocity

        start = onto_simplex(state.weights, active)
        w, _ = jax.lax.fori_loop(0, steps, search, (start, jnp.zeros_like(start)))
        weights = (w + nearness * mean) / (1 + nearness)
        weights = jnp.where(active, weights, jnp.where(signals.active, 1.0, 0.0))
        return weights, State(jnp.where(active, w, state.weights)), {}

    return Weighting(
        lambda tasks: State(jnp.full(len(tasks), 1 / len(tasks), float)), update, frozenset({"cross_gram"})
    )
