"""The train step and the evaluation step: pure functions of (state, batch) that run on every device of the
axis.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from dmljax.models.dmlnet import TRUNK, perturbed
from dmljax.training import augment
from dmljax.training.objective import Options as LossOptions
from dmljax.training.objective import task_losses
from dmljax.training.optimizer import Optimizer
from dmljax.training.phases import trainable
from dmljax.training.state import TrainState, ema_decay, move
from dmljax.types import EXPRESSION, IMAGE, INDEX, LABELS, MISSING, POSE
from dmljax.weightings import gradients

TABLE = "table"  # key of a batch under which the resident set lies
# and the seed of augmentation and of strategies that draw at random: an input, so that another seed is no
# other program
SEED = "seed"
CONSTANT = (TABLE, SEED)  # the same for all micro-batches


class Program(NamedTuple):
    """The static parts of a step.

    Attributes:
      apply: the network's apply function.
      losses: see `losses.objective.Options`.
      plan: the weighting strategy and how its gradients are taken; see `gradients.Plan`.
      optimizer: as built.
      active: step -> bool [K], the tasks that are trained.
      augment: see `augment.Options`.
      mirror: pose class after a flip.
      ema: decay of the moving averages.
      ema_warmup: start with a smaller decay.
      total: weight of each task in the fixed combination 'loss/total'.
    """

    apply: Callable
    losses: LossOptions
    plan: gradients.Plan
    optimizer: Optimizer
    active: Callable
    augment: augment.Options
    mirror: tuple[int, ...]
    ema: float
    ema_warmup: bool
    total: tuple[float, ...]


class _Micro(NamedTuple):
    """What one micro-batch adds up to. `gradient` is this device's share, per task ([K, ...]) or already
    weighted; `gram` that of the representation, if asked for.
    """

    losses: jax.Array
    valid: jax.Array
    stats: dict[str, jax.Array]
    gradient: dict
    gram: jax.Array | None


def look_up(batch: dict) -> dict:
    """A batch with its images and labels: those it carries, or those its indices name in the resident table.

    Rows whose index is MISSING are padding: their labels become MISSING.
    """
    if IMAGE not in batch:
        at = jnp.maximum(batch[INDEX], 0)
        batch = {INDEX: batch[INDEX], **{key: column[at] for key, column in batch[TABLE].items()}}
    padding = batch[INDEX] < 0
    return {**batch, **{key: jnp.where(padding, MISSING, batch[key]) for key in LABELS}}


def train_step(
    state: TrainState, batch: dict, program: Program, *, axis_name: str | None
) -> tuple[TrainState, dict]:
    """One optimizer step over all micro-batches of a batch. Mining sees one micro-batch at a time.

    Args:
      state: the same on every device.
      batch: this device's rows, int32 'index' [accumulate, N] and either 'image' uint8 [accumulate, N, H, W,
        C] with the labels int32 [accumulate, N], or 'table', the resident set; and 'seed', a uint32 scalar.
      axis_name: the device axis, or None for one device.

    Returns:
      the next state and the log's float32 scalars, both the same on every device.
    """
    tasks, plan = program.losses.tasks, program.plan
    rows = {key: value for key, value in batch.items() if key not in CONSTANT}
    table = {TABLE: batch[TABLE]} if TABLE in batch else {}
    count = batch[INDEX].shape[0]
    key = jax.random.fold_in(jax.random.key(batch[SEED]), state.step)
    active = program.active(state.step)

    def weigh(weighting, losses, valid, **grams):
        seen = gradients.signals(losses, active, valid, state.step, key, plan, **grams)
        weights, new, aux = plan.weighting.update(seen, weighting)
        return jnp.where(active, weights, 0.0), new, aux

    def micro_batch(batch_stats, number_and_rows):
        number, micro = number_and_rows
        forward = _forward(batch_stats, look_up(micro | table), key, number, program, axis_name)
        known = lambda losses, rest, gram: weigh(state.weighting, losses, rest[0], gram=gram)[0]
        losses, gradient, gram, (valid, stats, batch_stats) = gradients.of_micro_batch(
            forward,
            state.params,
            _no_offset(state, micro, table, program),
            known,
            plan,
            active,
            micro_batches=count,
            axis_name=axis_name,
        )
        return batch_stats, _Micro(losses, valid, stats, gradient, gram)

    batch_stats, seen, halves = _over_micro_batches(
        micro_batch, state.batch_stats, rows, count, halves=plan.wants("cross_gram")
    )
    gradient, weighting, grams = (
        gradients.mean(seen.gradient, axis_name),
        state.weighting,
        {"gram": seen.gram},
    )
    if plan.wants("jacobian"):
        shown = gradients.signals(seen.losses, active, seen.valid, state.step, key, plan)
        changed, weighting = plan.weighting.transform(gradient[TRUNK], shown, weighting)
        gradient = {**gradient, TRUNK: changed}
    if plan.wants("gram") and plan.source == "shared":
        grams["gram"] = gradients.gram(gradient[TRUNK])
    if plan.wants("cross_gram"):
        grams["cross_gram"] = gradients.gram(*(gradients.mean(half[TRUNK], axis_name) for half in halves))
    weights, weighting, aux = weigh(weighting, seen.losses, seen.valid, **grams)
    if plan.per_task(count):
        gradient = gradients.combine(gradient, weights, active, plan)
    params, optimizer, norm = program.optimizer.update(
        gradient, state.optimizer, state.params, state.step, trainable(active, tasks, state.params)
    )
    if plan.wants("post"):
        again = _losses_after(params, state.batch_stats, rows, table, key, program, axis_name)
        shown = gradients.signals(seen.losses, active, seen.valid, state.step, key, plan, **grams)
        weighting = plan.weighting.post(shown, again, weighting)
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


def conflict_step(state: TrainState, batch: dict, program: Program, *, axis_name: str | None) -> dict:
    """How the tasks' gradients on the trunk stand to each other on a batch, whatever the strategy; nothing is
    changed.

    Returns:
      'conflict/norm_<task>' and, for each pair of tasks, 'conflict/cosine_<task>_<task>', float32 scalars.
    """
    tasks = program.losses.tasks
    table = {TABLE: batch[TABLE]} if TABLE in batch else {}
    first = {key: value[0] for key, value in batch.items() if key not in CONSTANT}
    key = jax.random.fold_in(jax.random.key(batch[SEED]), state.step)
    forward = _forward(state.batch_stats, look_up(first | table), key, jnp.int32(0), program, axis_name)
    offset = _no_offset(state, first, table, program)
    _, pull, _ = jax.vjp(lambda params: forward(params, offset), state.params, has_aux=True)
    rows = [gradients.mean(pull(unit)[0][TRUNK], axis_name) for unit in jnp.eye(len(tasks))]
    norms, cosine = gradients.cosines(gradients.gram(jax.tree.map(lambda *g: jnp.stack(g), *rows)))
    found = {f"conflict/norm_{task}": norm for task, norm in zip(tasks, norms)}
    pairs = [(i, j) for i in range(len(tasks)) for j in range(i + 1, len(tasks))]
    return found | {f"conflict/cosine_{tasks[i]}_{tasks[j]}": cosine[i, j] for i, j in pairs}


def _no_offset(state: TrainState, micro: dict, table: dict, program: Program) -> jax.Array:
    """Zeros of the shape of the fused feature."""
    variables = {"params": state.params, "batch_stats": state.batch_stats}
    fused = jax.eval_shape(lambda: program.apply(variables, look_up(micro | table)[IMAGE], train=False).fused)
    return jnp.zeros(fused.shape, fused.dtype)


def _losses_after(
    params, batch_stats, rows: dict, table: dict, key, program: Program, axis_name
) -> jax.Array:
    """The losses [K] of the same batch, augmented the same, with the new parameters; BatchNorm's statistics
    are not moved.
    """
    found = []
    for number in range(rows[INDEX].shape[0]):
        micro = look_up(jax.tree.map(lambda x, n=number: x[n], rows) | table)
        shares, _ = _forward(batch_stats, micro, key, jnp.int32(number), program, axis_name)(params, None)
        found.append(gradients.mean(shares, axis_name))
    return jnp.stack(found).mean(0)


def _forward(batch_stats, batch: dict, key, number, program: Program, axis_name):
    """(params, offset of f2 or None) -> (shares of the losses [K], (valid [K], stats, new batch_stats)) for
    one micro-batch.
    """
    count = batch[INDEX].shape[0]
    device, devices = (
        (0, 1) if axis_name is None else (jax.lax.axis_index(axis_name), jax.lax.axis_size(axis_name))
    )
    row = (number * devices + device) * count + jnp.arange(count)
    images, pose = augment.augment(key, batch[IMAGE], batch[POSE], row, program.mirror, program.augment)
    labels = {label: batch[label] for label in LABELS} | {POSE: pose}

    def forward(params, offset):
        variables = {"params": params, "batch_stats": batch_stats}
        variables = variables if offset is None else perturbed(variables, offset)
        outputs, new = program.apply(variables, images, train=True, mutable=["batch_stats"])
        result = task_losses(outputs, labels, program.losses, axis_name=axis_name)
        return result.shares, (result.valid, result.stats, new["batch_stats"])

    return forward


def _over_micro_batches(micro_batch, batch_stats, rows: dict, count: int, *, halves: bool):
    """BatchNorm statistics run through the micro-batches in turn; all else is averaged over them.

    Returns:
      (batch_stats, the averages, and the averaged gradients of the first and of the second half if `halves`).
    """
    numbered = (jnp.arange(count), rows)
    if count == 1:
        return (*micro_batch(batch_stats, jax.tree.map(lambda x: x[0], numbered)), None)
    shape = jax.eval_shape(micro_batch, batch_stats, jax.tree.map(lambda x: x[0], numbered))[1]
    zeros = jax.tree.map(lambda s: jnp.zeros(s.shape, jnp.float32), shape)

    def add(carry, number_and_rows):
        stats, sums = carry
        stats, seen = micro_batch(stats, number_and_rows)
        counted = seen.valid.astype(jnp.float32)
        seen = seen._replace(losses=seen.losses * counted, valid=counted)
        return (stats, jax.tree.map(jnp.add, sums, seen)), None

    parts, bounds = [], (0, count // 2, count) if halves else (0, count)
    for first, last in zip(bounds, bounds[1:]):
        part = jax.tree.map(lambda x, first=first, last=last: x[first:last], numbered)
        (batch_stats, sums), _ = jax.lax.scan(add, (batch_stats, zeros), part)
        parts.append(sums)
    sums = jax.tree.map(lambda *x: sum(x), *parts)
    whole = _Micro(
        losses=sums.losses / jnp.maximum(sums.valid, 1.0),
        valid=sums.valid > 0,
        stats=jax.tree.map(lambda s: s / count, sums.stats),
        gradient=jax.tree.map(lambda g: g / count, sums.gradient),
        gram=jax.tree.map(lambda g: g / count**2, sums.gram),  # rows of other micro-batches are other rows
    )
    sizes = [last - first for first, last in zip(bounds, bounds[1:])]
    return (
        batch_stats,
        whole,
        [jax.tree.map(lambda g, n=n: g / n, p.gradient) for p, n in zip(parts, sizes)] if halves else None,
    )


def eval_step(variables: dict, batch: dict, apply: Callable, mirror: tuple[int, ...] | None = None) -> dict:
    """Predictions for this device's rows (batch as in `train_step`, with one micro-batch).

    Args:
      mirror: pose class after a flip; if given, logits are means over each image and its mirror image, whose
        poses are swapped back. A pose without a mirror class (MISSING) takes its own.

    Returns:
      'index' int32 [N] (MISSING: padding), 'embedding', 'fused', 'expression' and, with a pose head, 'pose':
      float32 [N, ...], the last two logits.
    """
    rows = look_up({key: value if key in CONSTANT else value[0] for key, value in batch.items()})
    outputs = apply(variables, rows[IMAGE], train=False)
    found = {INDEX: rows[INDEX], "embedding": outputs.embedding, "fused": outputs.fused}
    logits = {EXPRESSION: outputs.expression_logits, POSE: outputs.pose_logits}
    if mirror is not None:
        flipped = apply(variables, rows[IMAGE][:, :, ::-1], train=False)
        logits[EXPRESSION] = (logits[EXPRESSION] + flipped.expression_logits) / 2
        if outputs.pose_logits is not None:
            back = jnp.array([k if m == MISSING else m for k, m in enumerate(mirror)])
            logits[POSE] = (logits[POSE] + flipped.pose_logits[:, back]) / 2
    return found | {head: values for head, values in logits.items() if values is not None}
