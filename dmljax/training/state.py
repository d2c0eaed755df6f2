"""What training carries from step to step; everything needed to continue a run is in here."""

from __future__ import annotations

from typing import Any

import flax.struct
import jax
import jax.numpy as jnp

from dmljax.models.dmlnet import TRUNK


@flax.struct.dataclass
class TrainState:
    """The state of a training, the same on every device.

    Attributes:
      step: optimizer steps taken, int32 scalar.
      params: float32, by group: 'trunk', 'expression_head', 'pose_head', 'angles_head'.
      batch_stats: BatchNorm's running statistics, float32; empty in a network without BatchNorm.
      optimizer: the optimizer's state, by group.
      ema: moving averages of params and batch_stats.
      weighting: the weighting strategy's state.
    """

    step: jax.Array
    params: Any
    batch_stats: Any
    optimizer: Any
    ema: Any
    weighting: Any


def create(variables, optimizer, weighting, tasks: tuple[str, ...]) -> TrainState:
    """The state before the first step, from a network's initial variables."""
    params, batch_stats = variables["params"], variables.get("batch_stats", {})
    copy = lambda tree: jax.tree.map(jnp.array, tree)  # buffers are donated: no two leaves may share one

    @jax.jit  # else each shape of zeros is a program of its own
    def beside(params, batch_stats):
        moments = copy(optimizer.init(params))  # an optimizer may keep the parameters themselves
        return moments, {"params": copy(params), "batch_stats": copy(batch_stats)}

    moments, ema = beside(params, batch_stats)
    return TrainState(
        step=jnp.int32(0),
        params=params,
        batch_stats=batch_stats,
        optimizer=moments,
        ema=ema,
        weighting=weighting.init(tasks, params[TRUNK]),
    )


def ema_decay(step: jax.Array, decay: float, warmup: bool) -> jax.Array:
    """Decay of the moving average after `step` steps: d, or min(d, (1 + t) / (10 + t)) while warming up."""
    t = step.astype(jnp.float32)
    return jnp.minimum(decay, (1 + t) / (10 + t)) if warmup else jnp.float32(decay)


def move(average, present, decay: jax.Array):
    """average * d + present * (1 - d), leaf by leaf."""
    return jax.tree.map(lambda a, p: a + (1 - decay) * (p - a), average, present)
