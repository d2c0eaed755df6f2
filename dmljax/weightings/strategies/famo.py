"""FAMO (Liu et al., NeurIPS 2023): weights that make all losses fall at the same rate, learnt from the losses
after each step.

    z = softmax(x),  D_k = L_k - least + eps,  c = 1 / sum_i z_i / D_i,  w_k = c z_k / D_k
    after the step: d_k = log D_k(before) - log D_k(after);  Adam on x with the gradient (dz/dx)^T d + decay x
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from dmljax.weightings.interface import Weighting
from dmljax.weightings.parts import Adam, adam, adam_init, require, softmax


class State(NamedTuple):
    """x: logits, float32 [K]; adam: their optimizer's moments."""

    x: object
    adam: Adam


def build(
    *, learning_rate: float = 0.025, decay: float = 1e-3, least: float = 0.0, epsilon: float = 1e-8
) -> Weighting:
    """A second forward pass on the same batch, augmented the same, gives the losses after the step.

    Args:
      learning_rate: of the logits, above 0.
      decay: weight decay of the logits inside Adam's gradient, at least 0.
      least: a lower bound of all losses.
      epsilon: the least distance of a loss from it, above 0.

    Raises:
      ValueError: a field out of its range.
    """
    require(
        learning_rate=(learning_rate, learning_rate > 0, "above 0"),
        decay=(decay, decay >= 0, "at least 0"),
        epsilon=(epsilon, epsilon > 0, "above 0"),
    )
    above = lambda losses: jnp.maximum(losses - least, 0) + epsilon

    def update(signals, state):
        known = signals.active & signals.valid
        shares = softmax(state.x, known)
        raw = jnp.where(known, shares / above(signals.losses), 0.0)
        weights = raw / jnp.maximum(raw.sum(), 1e-30)
        return jnp.where(signals.active & ~known, 1.0, weights), state, {}

    def post(signals, after, state):
        known = signals.active & signals.valid
        fall = jnp.where(known, jnp.log(above(signals.losses)) - jnp.log(above(after)), 0.0)
        shares = softmax(state.x, known)
        gradient = shares * (fall - (shares * fall).sum()) + decay * state.x
        change, moments = adam(gradient, state.adam, known, rate=learning_rate)
        return State(state.x + change, moments)

    return Weighting(
        lambda tasks: State(jnp.zeros(len(tasks)), adam_init(len(tasks))),
        update,
        frozenset({"losses", "positive", "post"}),
        post=post,
    )
