"""The train step and the evaluation step: pure functions of (state, batch) that run on every device of the axis."""
from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from dmljax.losses.objective import Options as LossOptions
from dmljax.losses.objective import task_losses
from dmljax.models.dmlnet import TRUNK
from dmljax.train import augment
from dmljax.train.optimizer import Optimizer
from dmljax.train.phases import trainable
from dmljax.train.state import TrainState, ema_decay, move
from dmljax.types import IMAGE, INDEX, LABELS, MISSING, POSE, Signals, Weighting

TABLE = "table"  # key of a batch under which the resident set lies
PROVIDES = frozenset({"losses", "gram", "rng"})  # what the step can give to a weighting strategy


class Program(NamedTuple):
    """The static parts of a step.

    Attributes:
      apply: the network's apply function.
      losses: see `losses.objective.Options`.
      weighting, optimizer: as built.
      active: step -> bool [K], the tasks that are trained.
      augment: see `augment.Options`.
      mirror: pose class after a flip.
      ema: decay of the moving averages.
      ema_warmup: start with a smaller decay.
      seed: of augmentation and of strategies that draw at random.
      total: weight of each task in the fixed combination 'loss/total'.
    """

    apply: Callable
    losses: LossOptions
    weighting: Weighting
    optimizer: Optimizer
    active: Callable
    augment: augment.Options
    mirror: tuple[int, ...]
    ema: float
    ema_warmup: bool
    seed: int
    total: tuple[float, ...]


class _Micro(NamedTuple):
    """What one micro-batch adds up to. `gradient` is this device's share, per task ([K, ...]) or already weighted."""

    losses: jax.Array
    valid: jax.Array
    stats: dict[str, jax.Array]
    gradient: dict


def look_up(batch: dict) -> dict:
    """A batch with its images and labels: those it carries, or those its indices name in the resident table.

    Rows whose index is MISSING are padding: their labels become MISSING.
    """
    if IMAGE not in batch:
        at = jnp.maximum(batch[INDEX], 0)
        batch = {INDEX: batch[INDEX], **{key: column[at] for key, column in batch[TABLE].items()}}
    padding = batch[INDEX] < 0
    return {**batch, **{key: jnp.where(padding, MISSING, batch[key]) for key in LABELS}}


def train_step(state: TrainState, batch: dict, program: Program, *, axis_name: str | None) -> tuple[TrainState, dict]:
    """One optimizer step over all micro-batches of a batch. Mining sees one micro-batch at a time.

    Args:
      state: the same on every device.
      batch: this device's rows, int32 'index' [accumulate, N] and either 'image' uint8 [accumulate, N, H, W, C] with the
        labels int32 [accumulate, N], or 'table', the resident set.
      axis_name: the device axis, or None for one device.

    Returns:
      the next state and the log's float32 scalars, both the same on every device.
    """
    tasks, needs = program.losses.tasks, program.weighting.needs
    rows = {key: value for key, value in batch.items() if key != TABLE}
    table = {TABLE: batch[TABLE]} if TABLE in batch else {}
    count = batch[INDEX].shape[0]
    # Weights that depend on this step's losses are not known until all micro-batches are through.
    per_task = "gram" in needs or (count > 1 and "losses" in needs)
    key = jax.random.fold_in(jax.random.key(program.seed), state.step)
    active = program.active(state.step)

    def weigh(losses, valid, gram=None):
        rng = jax.random.fold_in(key, -1) if "rng" in needs else None
        signals = Signals(losses, active, valid, state.step, gram, rng)
        weights, new, aux = program.weighting.update(signals, state.weighting)
        return jnp.where(active, weights, 0.0), new, aux

    def micro_batch(batch_stats, number_and_rows):
        number, micro = number_and_rows
        forward = _forward(batch_stats, look_up(micro | table), key, number, program, axis_name)
        shares, pull, (valid, stats, batch_stats) = jax.vjp(forward, state.params, has_aux=True)
        # The local share is differentiated and then averaged, never the other way round.
        losses = _mean(shares, axis_name)
        if per_task:
            gradient = jax.tree.map(lambda *g: jnp.stack(g), *(pull(unit)[0] for unit in jnp.eye(len(tasks))))
        else:
            (gradient,) = pull(weigh(losses, valid)[0])
        return batch_stats, _Micro(losses, valid, stats, gradient)

    batch_stats, seen = _over_micro_batches(micro_batch, state.batch_stats, rows, count)
    gradient = _mean(seen.gradient, axis_name)
    gram = _gram(gradient[TRUNK]) if per_task else None
    weights, weighting, aux = weigh(seen.losses, seen.valid, gram)
    if per_task:
        gradient = jax.tree.map(lambda g: jnp.tensordot(weights, g, 1), gradient)
    params, optimizer, norm = program.optimizer.update(
        gradient, state.optimizer, state.params, state.step, trainable(active, tasks, state.params)
    )
    decay = ema_decay(state.step, program.ema, program.ema_warmup)
    ema = move(state.ema, {"params": params, "batch_stats": batch_stats}, decay)
    logs = {
        **{f"loss/{task}": loss for task, loss in zip(tasks, seen.losses)},
        "loss/total": jnp.vdot(seen.losses, jnp.asarray(program.total, jnp.float32)),
        "loss/weighted": jnp.vdot(seen.losses, weights),
        **{f"weight/{task}": weight for task, weight in zip(tasks, weights)},
        **{f"weighting/{name}": value for name, value in aux.items()},
        **seen.stats,
        "gradient/norm": norm,
        "learning_rate": jnp.float32(program.optimizer.rate(state.step)),
    }
    return TrainState(state.step + 1, params, batch_stats, optimizer, ema, weighting), logs


def _forward(batch_stats, batch: dict, key, number, program: Program, axis_name):
    """params -> (shares of the losses [K], (valid [K], stats, new batch_stats)) for one micro-batch."""
    count = batch[INDEX].shape[0]
    device, devices = (0, 1) if axis_name is None else (jax.lax.axis_index(axis_name), jax.lax.axis_size(axis_name))
    row = (number * devices + device) * count + jnp.arange(count)
    images, pose = augment.augment(key, batch[IMAGE], batch[POSE], row, program.mirror, program.augment)
    labels = {label: batch[label] for label in LABELS} | {POSE: pose}

    def forward(params):
        outputs, new = program.apply(
            {"params": params, "batch_stats": batch_stats}, images, train=True, mutable=["batch_stats"]
        )
        result = task_losses(outputs, labels, program.losses, axis_name=axis_name)
        return result.shares, (result.valid, result.stats, new["batch_stats"])

    return forward


def _over_micro_batches(micro_batch, batch_stats, rows: dict, count: int):
    """BatchNorm statistics run through the micro-batches in turn; all else is averaged over them."""
    if count == 1:
        return micro_batch(batch_stats, (jnp.int32(0), jax.tree.map(lambda x: x[0], rows)))

    def add(carry, number_and_rows):
        stats, sums = carry
        stats, seen = micro_batch(stats, number_and_rows)
        counted = seen.valid.astype(jnp.float32)
        seen = seen._replace(losses=seen.losses * counted, valid=counted)
        return (stats, jax.tree.map(jnp.add, sums, seen)), None

    numbered = (jnp.arange(count), rows)
    shape = jax.eval_shape(micro_batch, batch_stats, jax.tree.map(lambda x: x[0], numbered))[1]
    zeros = jax.tree.map(lambda s: jnp.zeros(s.shape, jnp.float32), shape)
    (batch_stats, sums), _ = jax.lax.scan(add, (batch_stats, zeros), numbered)
    return batch_stats, _Micro(
        losses=sums.losses / jnp.maximum(sums.valid, 1.0),
        valid=sums.valid > 0,
        stats=jax.tree.map(lambda s: s / count, sums.stats),
        gradient=jax.tree.map(lambda g: g / count, sums.gradient),
    )


def _gram(jacobian) -> jax.Array:
    """Inner products of the tasks' gradients, float32 [K, K]; leaves [K, ...], already averaged over the devices."""
    flat = [leaf.reshape(leaf.shape[0], -1) for leaf in jax.tree.leaves(jacobian)]
    return sum(jnp.matmul(leaf, leaf.T, precision=jax.lax.Precision.HIGHEST) for leaf in flat)


def _mean(tree, axis_name):
    return tree if axis_name is None else jax.lax.pmean(tree, axis_name)


def eval_step(variables: dict, batch: dict, apply: Callable) -> dict:
    """Predictions for this device's rows (batch as in `train_step`, with one micro-batch).

    Returns:
      'index' int32 [N] (MISSING: padding), 'embedding', 'fused', 'expression' and, with a pose head, 'pose': float32
      [N, ...], the last two logits.
    """
    rows = look_up({key: value if key == TABLE else value[0] for key, value in batch.items()})
    outputs = apply(variables, rows[IMAGE], train=False)
    found = {INDEX: rows[INDEX], "embedding": outputs.embedding, "fused": outputs.fused, "expression": outputs.expression_logits}
    return found if outputs.pose_logits is None else found | {"pose": outputs.pose_logits}
