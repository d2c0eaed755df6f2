"""Gradient Vaccine: PCGrad that aims at the usual similarity of two tasks instead of 0."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from dmljax.weightings.interface import Weighting
from dmljax.weightings.parts import require
from dmljax.weightings.solvers import prepared

TRAITS = frozenset({"signed", "ordered"})


def build(*, beta: float = 0.5) -> Weighting:
    """Raises the similarity of each pair of gradients to what is usual for the pair, and sums them.

    For every task i and the others j in a random order, from p_i = g_i on:

        f = cos(p_i, g_j);  if f < F_ij:
            p_i += |p_i| (F sqrt(1 - f^2) - f sqrt(1 - F^2)) / (|g_j| sqrt(1 - F^2)) g_j
        F_ij <- (1 - beta) F_ij + beta f

    Wang et al., ICLR 2021 (GradVac).

    Similarities are taken over all shared parameters together; other libraries can also take them by layer.
    State: F, float32 [K, K], 0 at the start. The first step is therefore PCGrad's. Weights may be negative.

    DIFFERS: the default of beta is LibMTL's; the authors take 0.01. LibMTL moves F only where f < F.

    Needs the Gram matrix of the tasks' gradients. Cost: a forward pass and K pull-backs through the shared
    parameters; with a `representation`, K through what comes after it and one through what comes before. A
    random key, the same on every device, gives the order.

    Args:
      beta: how fast the usual similarities follow, 0 < beta <= 1.

    Raises:
      ValueError: a beta out of its range.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from dmljax import weightings
      >>> strategy = weightings.gradvac()
      >>> gram = jnp.array([[5.0, -2.0], [-2.0, 1.0]])
      >>> signals = weightings.Signals(jnp.array([1.0, 2.0]), gram=gram, rng=jax.random.key(0))
      >>> weights = strategy.update(signals, strategy.init(("depth", "normals")))[0]
      >>> [round(float(w), 3) for w in weights]
      [1.4, 3.0]
    """
    require(beta=(beta, 0 < beta <= 1, "above 0 and at most 1"))

    def update(signals, usual):
        present, _, gram = prepared(signals.gram, signals.active & signals.valid)
        rows = []
        for row in range(len(gram)):
            own = jnp.zeros(len(gram), gram.dtype).at[row].set(1)
            for other in jax.random.permutation(jax.random.fold_in(signals.rng, row), len(gram)):
                own, usual = _vaccinate(own, usual, row, other, gram, present, beta)
            rows.append(own)
        summed = jnp.where(present[:, None], jnp.stack(rows), 0).sum(0)
        fallback = (signals.active & ~present).any().astype(gram.dtype)
        return jnp.where(signals.active, jnp.where(present, summed, 1.0), 0.0), usual, {"fallback": fallback}

    def init(tasks):
        return jnp.zeros((len(tasks), len(tasks)))

    return Weighting(init, update, frozenset({"gram", "rng"}))


def _vaccinate(own, usual, row: int, other, gram, present, beta: float):
    length = jnp.sqrt(jnp.maximum(own @ gram @ own, 1e-20))
    reference = jnp.sqrt(jnp.maximum(gram[other, other], 1e-20))
    cosine = jnp.clip(own @ gram[:, other] / (length * reference), -1, 1)
    aim = usual[row, other]
    both = present[row] & present[other] & (other != row)
    sine = jnp.sqrt(jnp.maximum(1 - aim**2, 1e-6))  # an aim of 1 asks for parallel gradients
    add = length * (aim * jnp.sqrt(1 - cosine**2) - cosine * sine) / (reference * sine)
    own = own.at[other].add(jnp.where(both & (cosine < aim), add, 0))
    return own, usual.at[row, other].set(jnp.where(both, (1 - beta) * aim + beta * cosine, aim))
