"""Adam by parameter group, with staircase decay, warm-up, clipping and weight decay (Table 1 of the paper).

A frozen group keeps its parameters and its moments, bias correction included, as if the step had not been.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from dmljax import fields
from dmljax.fields import Field
from dmljax.types import UserError

FIELDS = {
    "learning_rate": Field(0.01, "Initial learning rate of Adam (Table 1).", above=0),
    "decay": Field(0.8, "Factor of the learning rate at each stair (Table 1).", above=0, most=1),
    "b1": Field(0.9, "Decay of Adam's first moment.", least=0, below=1),
    "b2": Field(0.999, "Decay of Adam's second moment.", least=0, below=1),
    "epsilon": Field(1e-8, "What Adam adds to the root of the second moment.", above=0),
    "clip": Field(0.0, "Largest global norm of the gradients; 0: no clipping.", least=0),
    "weight_decay": Field(0.0, "Decoupled weight decay, on kernels and matrices only.", least=0),
}


class Optimizer(NamedTuple):
    """init: params -> state. update: (gradients, state, params, step, trainable: group -> bool) -> (params,
    state, norm of the trainable gradients before clipping). rate: step -> learning rate.
    """

    init: Callable
    update: Callable
    rate: Callable


def build(
    *,
    learning_rate: float = FIELDS["learning_rate"].default,
    decay: float = FIELDS["decay"].default,
    decay_steps: int = 1000,
    warmup_steps: int = 0,
    b1: float = FIELDS["b1"].default,
    b2: float = FIELDS["b2"].default,
    epsilon: float = FIELDS["epsilon"].default,
    clip: float = FIELDS["clip"].default,
    weight_decay: float = FIELDS["weight_decay"].default,
) -> Optimizer:
    """Adam with learning rate `learning_rate` * decay ** floor(step / decay_steps).

    Meanings and ranges of all but the following are those of `FIELDS`.

    Args:
      decay_steps: length of a stair in steps. The paper gives the factor 0.8 and no period.
      warmup_steps: steps over which the rate rises linearly from 0.

    Raises:
      UserError: a field out of its range.
    """
    given = dict(learning_rate=learning_rate, decay=decay, b1=b1, b2=b2, epsilon=epsilon, clip=clip)
    fields.check({"optimizer": FIELDS}, {"optimizer": given | {"weight_decay": weight_decay}})
    if decay_steps < 1 or warmup_steps < 0:
        raise UserError(
            "a stair of the learning rate lasts at least one step and its warm-up at least none, got"
            f" decay_steps={decay_steps} and warmup_steps={warmup_steps}"
        )
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
