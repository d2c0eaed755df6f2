"""PCGrad (Yu et al., NeurIPS 2020): each gradient loses its part against every other that it conflicts with,
in a random order.

    p_i = g_i;  for j in a random order, j != i: if p_i . g_j < 0: p_i -= (p_i . g_j / |g_j|^2) g_j;
    direction = sum_i p_i
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from dmljax.weightings.interface import Weighting
from dmljax.weightings.solvers import check_tasks, solved

TRAITS = frozenset({"ordered"})


def build() -> Weighting:
    """All is done on coefficients, p_i = sum_j c_ij g_j, so the gradients themselves are not needed."""

    def update(signals, state):
        def solve(gram, present):
            rows = [_project(row, signals.rng, gram, present) for row in range(len(gram))]
            return jnp.where(present[:, None], jnp.stack(rows), 0).sum(0)

        weights, aux = solved(signals.gram, signals.active & signals.valid, signals.active, solve)
        return weights, state, aux

    return Weighting(check_tasks, update, frozenset({"gram", "rng"}))


def _project(row: int, key, gram, present):
    """Coefficients [K] of p_row."""
    own = jnp.zeros(len(gram), gram.dtype).at[row].set(1)
    for other in jax.random.permutation(jax.random.fold_in(key, row), len(gram)):
        along = own @ gram[:, other]
        conflict = present[other] & (other != row) & (along < 0)
        own = own.at[other].add(jnp.where(conflict, -along / gram[other, other], 0))
    return own
