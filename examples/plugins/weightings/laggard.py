"""Laggard: the further a task's loss is from a share of where it began, the more weight it gets.

w_k = K r_k^power / sum_i r_i^power,   r_k = L_k / L_k(first step)
"""

import jax.numpy as jnp

from dmljax.weightings import Weighting

LEAST = 1e-8  # what a loss counts as at least: nothing may be divided by 0


def build(*, power: float = 1.0) -> Weighting:
    """Weights that follow how much of each first loss is left; they sum to the number of active tasks.

    Args:
      power: how strongly, at least 0; 0 gives equal weights.

    Raises:
      ValueError: a power below 0.
    """
    if power < 0:
        raise ValueError(f"power must be at least 0, got {power}")

    def init(tasks):
        return jnp.zeros(len(tasks), jnp.float32)  # the first losses; 0: none was seen yet

    def update(signals, first):
        known = signals.active & signals.valid
        losses = jnp.maximum(signals.losses, LEAST)
        first = jnp.where(known & (first == 0), losses, first)
        left = jnp.where(known, jnp.clip(losses / jnp.where(first == 0, 1.0, first), 1e-3, 1e3), 1.0)
        share = jnp.where(signals.active, left**power, 0.0)
        count = signals.active.sum().astype(jnp.float32)
        return count * share / jnp.maximum(share.sum(), LEAST), first, {"most_left": left.max()}

    return Weighting(init, update, needs=frozenset({"losses", "positive"}))
