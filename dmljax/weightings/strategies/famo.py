"""FAMO: weights that make all losses fall at the same rate."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from dmljax.weightings.interface import Weighting
from dmljax.weightings.parts import Adam, adam, adam_init, require, softmax


class State(NamedTuple):
    """The logits and their optimizer.

    Attributes:
      x: logits, float32 [K].
      adam: their optimizer's moments.
    """

    x: object
    adam: Adam


def build(
    *, learning_rate: float = 0.025, decay: float = 1e-3, least: float = 0.0, epsilon: float = 1e-8
) -> Weighting:
    """Learns, from the losses after each step, weights that let all losses fall at the same rate.

    Logits x are turned into weights before a step, and learn from how far each loss fell in it:

        z = softmax(x),   D_k = L_k - least + epsilon,   w_k = (z_k / D_k) / sum_i z_i / D_i
        after the step: f_k = log D_k(before) - log D_k(after)
        Adam on x with the gradient (dz/dx)^T f + decay x

    Liu et al., NeurIPS 2023. The authors' own files have three values for `decay`, from 1e-5 to 1e-2; the
    default is that of their run scripts.

    Needs a second forward pass on the same batch, augmented the same: `value_and_grad.post`. Cost: two
    forward passes and one pull-back.

    Args:
      learning_rate: of the logits, above 0.
      decay: weight decay of the logits inside Adam's gradient, at least 0.
      least: a lower bound of all losses, in their unit.
      epsilon: the least distance of a loss from it, above 0.

    Raises:
      ValueError: a field out of its range.

    Example:
      >>> import jax.numpy as jnp
      >>> from dmljax import weightings
      >>> strategy = weightings.famo()
      >>> signals = weightings.Signals(jnp.array([1.0, 2.0])).filled()
      >>> weights, state, aux = strategy.update(signals, strategy.init(("depth", "normals")))
      >>> [round(float(w), 3) for w in weights]
      [0.667, 0.333]
      >>> state = strategy.post(signals, jnp.array([0.5, 2.0]), state)  # depth fell, normals did not
      >>> [round(float(x), 3) for x in state.x]
      [-0.025, 0.025]
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
