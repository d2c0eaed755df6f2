"""An optax optimizer by parameter group, with clipping, weight decay and a learning rate for each part.

A frozen group keeps its parameters and the optimizer's state, counts included, as if the step had not been.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from dmljax import fields
from dmljax.fields import Field
from dmljax.models.pretrained import PARTS
from dmljax.training import finetune, schedules
from dmljax.training.finetune import NOTHING, Kept
from dmljax.types import UserError

FIELDS = {
    "learning_rate": Field(0.01, "Initial learning rate (Table 1); where it rises, its top.", above=0),
    "decay": Field(0.8, "Factor of the learning rate at each stair (Table 1).", above=0, most=1),
    "b1": Field(0.9, "Decay of Adam's first moment.", least=0, below=1),
    "b2": Field(0.999, "Decay of Adam's second moment.", least=0, below=1),
    "epsilon": Field(1e-8, "What Adam adds to the root of the second moment.", above=0),
    "clip": Field(0.0, "Largest global norm of the gradients; 0: no clipping.", least=0),
    "clip_value": Field(0.0, "Largest absolute value of a gradient; 0: no clipping.", least=0),
    "clip_adaptive": Field(
        0.0,
        "Largest norm of a unit's gradient as a share of the norm of its weights; 0: no clipping.",
        least=0,
    ),
    "weight_decay": Field(
        0.0,
        "Decoupled weight decay, on kernels and matrices only; 0: the optimizer's own, if it has one.",
        least=0,
    ),
}
RATES = {part: Field(1.0, f"Factor of the learning rate of: {part}.", least=0) for part in PARTS}


class Optimizer(NamedTuple):
    """init: params -> state. update: (gradients, state, params, step, trainable: group -> bool) -> (params,
    state, norm of the trainable gradients before clipping). rate: step -> learning rate.
    """

    init: Callable
    update: Callable
    rate: Callable


def build(
    direction: optax.GradientTransformation | None = None,
    rate: Callable | None = None,
    *,
    learning_rate: float = FIELDS["learning_rate"].default,
    decay: float = FIELDS["decay"].default,
    decay_steps: int = 1000,
    warmup_steps: int = 0,
    b1: float = FIELDS["b1"].default,
    b2: float = FIELDS["b2"].default,
    epsilon: float = FIELDS["epsilon"].default,
    clip: float = FIELDS["clip"].default,
    clip_value: float = FIELDS["clip_value"].default,
    clip_adaptive: float = FIELDS["clip_adaptive"].default,
    weight_decay: float = FIELDS["weight_decay"].default,
    rates: Mapping[str, float] | None = None,
    layers: Mapping[tuple[str, ...], float] | None = None,
    held: Kept = NOTHING,
) -> Optimizer:
    """An optimizer; by default the paper's, Adam with learning rate `learning_rate` * decay ** floor(step /
    decay_steps).

    Meanings and ranges of all but the following are those of `FIELDS`.

    Args:
      direction: what makes of gradients the direction that the learning rate multiplies and the step
        subtracts, as optax.scale_by_adam(); None: Adam by `b1`, `b2` and `epsilon`.
      rate: step -> learning rate; None: stairs by `learning_rate`, `decay` and the next two.
      decay_steps: length of a stair in steps. The paper gives the factor 0.8 and no period.
      warmup_steps: steps over which the rate rises linearly from 0.
      rates: part of the network, a key of `RATES` -> factor of its learning rate; 1 for those left out.
      layers: beginning of a parameter's path -> a further factor, see `finetune.factors`.
      held: what is not trained. What waits has a state of its own, which stays as new until then.

    Raises:
      UserError: a field out of its range.
    """
    given = dict(learning_rate=learning_rate, decay=decay, b1=b1, b2=b2, epsilon=epsilon, clip=clip)
    given |= dict(clip_value=clip_value, clip_adaptive=clip_adaptive, weight_decay=weight_decay)
    factors = {part: field.default for part, field in RATES.items()} | dict(rates or {})
    fields.check({"optimizer": FIELDS | {"rates": RATES}}, {"optimizer": given | {"rates": factors}})
    if direction is None:
        direction = optax.scale_by_adam(b1=b1, b2=b2, eps=epsilon)
    if rate is None:
        stairs = dict(decay=decay, decay_steps=decay_steps, warmup_steps=warmup_steps)
        rate = schedules.build(learning_rate, **stairs)

    of_group = partial(_by_kept, direction, held)

    def init(params):
        return {group: of_group(group).init(params[group]) for group in params}

    def update(gradients, state, params, step, trainable):
        gradients = {
            g: jax.tree.map(lambda x, on=trainable[g]: jnp.where(on, x, 0.0), gradients[g]) for g in gradients
        }
        norm = optax.tree.norm(gradients)
        if clip:
            gradients = jax.tree.map(
                lambda x: x * jnp.minimum(1.0, clip / jnp.maximum(norm, 1e-12)), gradients
            )
        gradients = _clipped(gradients, params, value=clip_value, adaptive=clip_adaptive)
        now = rate(step)
        new_params, new_state = {}, {}
        for group, on in trainable.items():
            found, moments = of_group(group).update(gradients[group], state[group], params[group])
            if weight_decay:
                found = _stateless(optax.add_decayed_weights(weight_decay, decayed), found, params[group])
            found = _by_part(found, group, factors, layers or {})
            moved = jax.tree.map(lambda p, d: p - now * d, params[group], found)
            new_params[group], new_state[group] = jax.tree.map(
                lambda new, old, on=on: jnp.where(on, new, old),
                (moved, moments),
                (params[group], state[group]),
            )
            if held:
                new_params[group], new_state[group] = _unmoved(
                    held, step, group, (new_params[group], new_state[group]), (params[group], state[group])
                )
        return new_params, new_state, norm

    return Optimizer(init, update, rate)


def decayed(params):
    """The parameters that weight decay shrinks: kernels and matrices, no biases, scales and single values."""
    return jax.tree.map(lambda parameter: parameter.ndim > 1, params)


def check_direction(direction, where: str) -> None:
    """Raises UserError, which begins with `where`, unless it is an optax transformation that leads downhill.

    Whole optimizers have the minus of the descent in them, which would make every loss rise.
    """
    if not isinstance(direction, optax.GradientTransformation):
        raise UserError(f"{where} must return an optax.GradientTransformation; got {direction!r:.60}")
    params = {"kernel": jnp.eye(4) + 0.5, "bias": jnp.ones(4)}

    def along(params):
        return optax.tree.vdot(direction.update(params, direction.init(params), params)[0], params)

    try:
        with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):  # as optax mixes them
            descent = float(jax.jit(along)(params))
    except Exception as error:  # of someone else's code
        raise UserError(f"{where}: {type(error).__name__}: {' '.join(str(error).split())}") from error
    if descent < 0:
        raise UserError(
            f"{where} leads uphill: its learning rate is in it already. Take optax's scale_by_..., or build"
            " it with learning_rate=-1.0; the step multiplies by the learning rate, and subtracts"
        )


def _clipped(gradients, params, *, value: float, adaptive: float):
    if adaptive:
        gradients = _stateless(optax.adaptive_grad_clip(adaptive), gradients, params)
    if value:
        gradients = _stateless(optax.clip(value), gradients, params)
    return gradients


def _stateless(transformation: optax.GradientTransformation, updates, params):
    """What a transformation without arrays in its state makes of the updates."""
    return transformation.update(updates, transformation.init(params), params)[0]


def _by_part(tree, group: str, factors: Mapping[str, float], layers: Mapping[tuple[str, ...], float]):
    """A group's updates times the factors of the parts and the layers of the network that they belong to."""
    if all(factor == 1 for factor in (*factors.values(), *layers.values())):
        return tree
    parts = {path: factors[part] for part, paths in PARTS.items() for path in paths}

    def scaled(way, update):
        names = _path(group, way)
        factor = math.prod(
            next((f for path, f in of.items() if names[: len(path)] == path), 1.0) for of in (parts, layers)
        )
        return update if factor == 1 else factor * update

    return jax.tree_util.tree_map_with_path(scaled, tree)


def _by_kept(direction: optax.GradientTransformation, held: Kept, group: str):
    """A group's transformation, in which what waits counts its steps apart and what is kept has no state."""
    if not any(path[0] == group for path in held.always | held.first):
        return direction

    def labels(params):
        return jax.tree_util.tree_map_with_path(lambda way, _: held.label(_path(group, way)), params)

    return optax.multi_transform(
        {finetune.TRAINS: direction, finetune.WAITS: direction, finetune.KEPT: optax.set_to_zero()}, labels
    )


def _unmoved(held: Kept, step, group: str, new: tuple, before: tuple) -> tuple:
    """A group's new parameters and state, with what is kept or waits as it was before."""
    waits = held.waits(step)

    def parameter(way, moved, old):
        label = held.label(_path(group, way))
        return old if label == finetune.KEPT else jnp.where(waits & (label == finetune.WAITS), old, moved)

    params = jax.tree_util.tree_map_with_path(parameter, new[0], before[0])
    if not any(path[0] == group for path in held.first):
        return params, new[1]
    states, old = dict(new[1].inner_states), before[1].inner_states
    states[finetune.WAITS] = jax.tree.map(
        lambda after, kept: jnp.where(waits, kept, after), states[finetune.WAITS], old[finetune.WAITS]
    )
    return params, new[1]._replace(inner_states=states)


def _path(group: str, way) -> tuple:
    """The path of a parameter of a group as `Kept` and `PARTS` write it."""
    return (group, *(getattr(entry, "key", None) for entry in way))
