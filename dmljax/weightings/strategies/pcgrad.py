"""PCGrad: each gradient loses its part against every other that it conflicts with."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from dmljax.weightings.interface import Weighting
from dmljax.weightings.solvers import solved

TRAITS = frozenset({"ordered"})


def build() -> Weighting:
    """Projects each gradient off every other that it conflicts with, in a random order, and sums them.

    Each task starts with its own gradient:

        p_i = g_i;  for j in a random order, j != i: if p_i . g_j < 0: p_i -= (p_i . g_j / |g_j|^2) g_j
        direction = sum_i p_i

    Yu et al., NeurIPS 2020.

    All is done on coefficients, p_i = sum_j c_ij g_j, so the gradients themselves are not needed; inner
    products are those of whole gradients, not of each parameter by itself.

    Needs the Gram matrix of the tasks' gradients. Cost: a forward pass and K pull-backs through the shared
    parameters; with a `representation`, K through what comes after it and one through what comes before. A
    random key, the same on every device, gives the order.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from dmljax import weightings
      >>> strategy = weightings.pcgrad()
      >>> gram = jnp.array([[5.0, -2.0], [-2.0, 1.0]])  # g_1 gains 2 / 1 of g_2, g_2 gains 2 / 5 of g_1
      >>> signals = weightings.Signals(jnp.array([1.0, 2.0]), gram=gram, rng=jax.random.key(0))
      >>> weights = strategy.update(signals, strategy.init(("depth", "normals")))[0]
      >>> [round(float(w), 3) for w in weights]
      [1.4, 3.0]
    """

    def update(signals, state):
        def solve(gram, present):
            rows = [_project(row, signals.rng, gram, present) for row in range(len(gram))]
            return jnp.where(present[:, None], jnp.stack(rows), 0).sum(0)

        weights, aux = solved(signals.gram, signals.active & signals.valid, signals.active, solve)
        return weights, state, aux

    return Weighting(lambda tasks: (), update, frozenset({"gram", "rng"}))


def _project(row: int, key, gram, present):
    """Coefficients [K] of p_row."""
    own = jnp.zeros(len(gram), gram.dtype).at[row].set(1)
    for other in jax.random.permutation(jax.random.fold_in(key, row), len(gram)):
        along = own @ gram[:, other]
        conflict = present[other] & (other != row) & (along < 0)
        own = own.at[other].add(jnp.where(conflict, -along / gram[other, other], 0))
    return own
