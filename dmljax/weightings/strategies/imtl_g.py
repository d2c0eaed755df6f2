"""IMTL-G: the combination whose projections on all gradients' directions are equal."""

from __future__ import annotations

import jax.numpy as jnp

from dmljax.weightings.interface import Weighting
from dmljax.weightings.parts import even
from dmljax.weightings.solvers import Answer, correlations, pseudo_inverse, strategy

TRAITS = frozenset({"signed"})


def build() -> Weighting:
    """Combines the gradients so that the result has equal projections on all their directions.

    With the cosines C and the lengths n_k of the gradients:

        v_k = (C^+ 1)_k / n_k;   w = v / sum v

    Liu et al., ICLR 2021 (the gradient part of IMTL).

    Weights sum to 1. With three tasks or more some may be negative, such as that of a gradient that lies
    between two others. Where sum v is negative so are the projections, and to first order every loss rises.

    DIFFERS: a pseudo-inverse stands for LibMTL's inverse, so that parallel gradients do no harm; TorchJD's is
    that of the Gram matrix, this one is that of the cosines, which rounds less where lengths differ. Where
    weights would grow without bound (sum v near 0), and of two opposite gradients, each task counts the same.

    Needs the Gram matrix of the tasks' gradients. Cost: a forward pass and K pull-backs through the shared
    parameters; with a `representation`, K through what comes after it and one through what comes before.

    Example:
      >>> import jax.numpy as jnp
      >>> from dmljax import weightings
      >>> strategy = weightings.imtl_g()
      >>> signals = weightings.Signals(jnp.array([1.0, 2.0]), gram=jnp.array([[4.0, 0.0], [0.0, 1.0]]))
      >>> weights = strategy.update(signals, strategy.init(("depth", "normals")))[0]
      >>> [round(float(w), 3) for w in weights]
      [0.333, 0.667]
    """

    def solve(gram, present):
        unit, lengths = correlations(gram)
        ones = present.astype(gram.dtype)
        found = pseudo_inverse(unit, present) @ ones
        v, equal = found / lengths, ones @ unit @ found
        total = v.sum()
        # of two opposite gradients no projections but 0 are equal: what was found is rounding
        steady = (jnp.abs(total) > 1e-4 * jnp.abs(v).sum()) & (equal > 1e-4 * ones.sum())
        weights = jnp.where(steady, v / jnp.where(steady, total, 1), even(present, gram.dtype))
        return Answer(weights, instead=~steady)

    return strategy(solve)
