"""Adam by parameter group, with staircase decay, warm-up, clipping and weight decay (Table 1 of the paper).

A frozen group keeps its parameters and its moments, bias correction included, as if the step had not been.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from dmljax.types import UserError


class Optimizer(NamedTuple):
    """init: params -> state. update: (gradients, state, params, step, trainable: group -> bool) -> (params,
    state, norm of the trainable gradients before clipping). rate: step -> learning rate.
    """

    init: Callable
    update: Callable
    rate: Callable


def build(
    *,
    learning_rate: float = 0.01,
    decay: float = 0.8,
    decay_steps: int = 1000,
    warmup_steps: int = 0,
    b1: float = 0.9,
    b2: float = 0.999,
    epsilon: float = 1e-8,
    clip: float = 0.0,
    weight_decay: float = 0.0,
) -> Optimizer:
    """Adam with learning rate `learning_rate` * decay ** floor(step / decay_steps).

    Args:
      decay_steps: length of a stair in steps. The paper gives the factor 0.8 and no period.
      warmup_steps: steps over which the rate rises linearly from 0.
      clip: largest global norm of the gradients; 0 for no clipping.
      weight_decay: decoupled, on matrices and kernels only (not on biases and BatchNorm).

    Raises:
      UserError: a field out of its range.
    """
    for name, value, good in (
        ("learning_rate", learning_rate, learning_rate > 0),
        ("decay", decay, 0 < decay <= 1),
        ("decay_steps", decay_steps, decay_steps > 0),
        ("clip", clip, clip >= 0),
        ("weight_decay", weight_decay, weight_decay >= 0),
    ):
        if not good:
            raise UserError(f"optimizer.{name} is out of its range: {value}")
    adam = optax.scale_by_adam(b1=b1, b2=b2, eps=epsilon)

    def rate(step):
        stair = (step // decay_steps).astype(jnp.float32)
        ramp = jnp.minimum(1.0, (step + 1).astype(jnp.float32) / warmup_steps) if warmup_steps else 1.0
        return learning_rate * jnp.power(decay, stair) * ramp

    def init(params):
        return {group: adam.init(params[group]) for group in params}

    def update(gradients, state, params, step, trainable):
        gradients = {
            g: jax.tree.map(lambda x, on=trainable[g]: jnp.where(on, x, 0.0), gradients[g]) for g in gradients
        }
        norm = optax.tree.norm(gradients)
        if clip:
            gradients = jax.tree.map(
                lambda x: x * jnp.minimum(1.0, clip / jnp.maximum(norm, 1e-12)), gradients
            )
        new_params, new_state = {}, {}
        for group, on in trainable.items():
            direction, moments = adam.update(gradients[group], state[group])
            moved = jax.tree.map(
                lambda p, d: p - rate(step) * (d + (weight_decay * p if p.ndim > 1 else 0.0)),
                params[group],
                direction,
            )
            new_params[group], new_state[group] = jax.tree.map(
                lambda new, old, on=on: jnp.where(on, new, old),
                (moved, moments),
                (params[group], state[group]),
            )
        return new_params, new_state, norm

    return Optimizer(init, update, rate)
