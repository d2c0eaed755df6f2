"""SoftAdapt (Heydari, Thompson & Mehio, 2019): more weight for losses that rise.

s_k = L_k(t-1) - L_k(t-2),   w = K softmax(beta s)
normalised: s / sum |s|      loss_weighted: softmax times L, renormalised
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from dmljax.weightings.interface import Weighting
from dmljax.weightings.parts import TINY, count, require, softmax

VARIANTS = ("plain", "normalised", "loss_weighted")


class State(NamedTuple):
    """last, before: the two latest valid losses, float32 [K]; seen: how many there are, int32 [K]."""

    last: object
    before: object
    seen: object


def build(*, beta: float = 0.1, variant: str = "normalised") -> Weighting:
    """Weights come from the losses before the step; until two are known each counts the same.

    Noise of single batches is large: combine with weighting.wrap.window.

    Args:
      beta: the sharpness, not 0; negative prefers losses that fall.
      variant: 'plain', 'normalised' or 'loss_weighted'.

    Raises:
      ValueError: an unknown variant, or a beta of 0.
    """
    if variant not in VARIANTS:
        raise ValueError(f"variant must be one of {', '.join(VARIANTS)}, got '{variant}'")
    require(beta=(beta, beta != 0, "other than 0"))

    def update(signals, state):
        slope = jnp.where(signals.active, state.last - state.before, 0.0)
        if variant == "normalised":
            slope = slope / jnp.maximum(jnp.abs(slope).sum(), TINY)
        shares = softmax(beta * slope, signals.active)
        if variant == "loss_weighted":
            raw = shares * jnp.abs(state.last)
            shares = jnp.where(raw.sum() > TINY, raw / jnp.maximum(raw.sum(), TINY), shares)
        number = count(signals.active)
        ready = ((state.seen >= 2) | ~signals.active).all()
        weights = jnp.where(ready, number * shares, 1.0)
        counted = signals.active & signals.valid
        moved = State(
            jnp.where(counted, signals.losses, state.last),
            jnp.where(counted, state.last, state.before),
            jnp.where(signals.active, jnp.minimum(state.seen + counted.astype(jnp.int32), 2), 0),
        )
        return jnp.where(signals.active, weights, 0.0), moved, {}

    return Weighting(
        lambda tasks: State(jnp.zeros(len(tasks)), jnp.zeros(len(tasks)), jnp.zeros(len(tasks), jnp.int32)),
        update,
    )
