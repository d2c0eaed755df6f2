"""SoftAdapt: more weight for losses that rise."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from dmljax.weightings.interface import Weighting
from dmljax.weightings.parts import TINY, count, require, softmax

VARIANTS = ("plain", "normalised", "loss_weighted")


class State(NamedTuple):
    """The latest losses.

    Attributes:
      last: the latest valid loss, float32 [K].
      before: the one before it, float32 [K].
      seen: how many there are, at most 2, int32 [K].
    """

    last: object
    before: object
    seen: object


def build(*, beta: float = 0.1, variant: str = "normalised") -> Weighting:
    """Gives more weight to tasks whose losses rose between the two steps before.

    A softmax of the losses' differences:

        s_k = L_k(t-1) - L_k(t-2),   w = K softmax(beta s)
        normalised: s / sum |s| in place of s;   loss_weighted: softmax times L, made to sum to K

    Heydari, Thompson and Mehio, 2019.

    Weights come from the losses before the step; until two are known each task counts the same. Noise of
    single batches is large: combine with `weightings.window`.

    DIFFERS: weights sum to K, the original's to 1. The original can also take slopes over more steps, and in
    'loss_weighted' means of the losses.

    Needs the losses alone. Cost: a forward pass and one pull-back, as with equal weights.

    Args:
      beta: the sharpness, not 0; negative prefers losses that fall.
      variant: 'plain', 'normalised' or 'loss_weighted'.

    Raises:
      ValueError: an unknown variant, or a beta of 0.

    Example:
      >>> import jax.numpy as jnp
      >>> from dmljax import weightings
      >>> strategy = weightings.softadapt(beta=1.0, variant="plain")
      >>> state = strategy.init(("depth", "normals"))
      >>> for losses in ([1.0, 1.0], [1.0, 2.0], [1.0, 2.0]):
      ...     weights, state, aux = strategy.update(weightings.Signals(jnp.array(losses)), state)
      >>> [round(float(w), 3) for w in weights]
      [0.538, 1.462]
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
