"""The train step and the evaluation step: pure functions of (state, batch) on every device."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import jax
import jax.numpy as jnp

from dmljax.models.dmlnet import EXPRESSION_HEAD, POSE_HEAD, TRUNK, perturbed
from dmljax.training import augment
from dmljax.training.objective import Term, task_losses
from dmljax.training.optimizer import Optimizer
from dmljax.training.phases import trainable
from dmljax.training.state import TrainState, ema_decay, move
from dmljax.types import EXPRESSION, IMAGE, INDEX, LABELS, MISSING, POSE, TOTAL
from dmljax.weightings import Losses, Signals, Weighting, cosines, value_and_grad

TABLE = "table"  # key of a batch under which the resident set lies
# And the seed of augmentation and of strategies that draw at random: an input, so that another seed is no
# other program.
SEED = "seed"
CONSTANT = (TABLE, SEED)  # the same for all micro-batches
GRADIENTS_ON = ("shared", "rep")  # where inner products are taken: the trunk's parameters, or f2
_STRATEGY = 2**31 - 1  # folded into a step's key for the strategy; no row of a batch has that number


class Program(NamedTuple):
    """The static parts of a step.

    Attributes:
      apply: the network's apply function.
      terms: task -> its loss; see `objective.Term`.
      total: weight of each task in the fixed combination, `types.TOTAL`.
      weighting: the strategy that weighs the tasks.
      optimizer: as built.
      active: step -> bool [K], the tasks that are trained.
      gradients_on: where it compares the tasks' gradients: 'shared', the trunk's parameters, or 'rep', the
        fused feature f2.
      heads: what reaches the heads: 'weighted', their share of the weighted sum, or 'unit', every active loss
        in full.
      heads_of: group of parameters -> the task without which it is not trained.
      augment: see `augment.Options`.
      mirror: pose class after a flip.
      ema: decay of the moving averages.
      ema_warmup: start with a smaller decay.
    """

    apply: Callable
    terms: Mapping[str, Term]
    total: tuple[float, ...]
    weighting: Weighting
    optimizer: Optimizer
    active: Callable
    gradients_on: str = "shared"
    heads: str = "weighted"
    heads_of: Mapping[str, str] = MappingProxyType({EXPRESSION_HEAD: EXPRESSION, POSE_HEAD: POSE})
    augment: augment.Options = augment.Options()
    mirror: tuple[int, ...] = ()
    ema: float = 0.9999
    ema_warmup: bool = True


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
    tasks, rows, table = tuple(program.terms), *_parts(batch)
    count = batch[INDEX].shape[0]
    key = jax.random.fold_in(jax.random.key(batch[SEED]), state.step)
    active = program.active(state.step)
    differentiate = _differentiate(state, program, program.weighting, table, key, count, axis_name)
    numbered = (jnp.arange(count), rows)
    (losses, weights, aux), gradient, weighting = differentiate(
        state.params,
        state.weighting,
        *numbered,
        carry=state.batch_stats,
        active=active,
        step=state.step,
        rng=jax.random.fold_in(key, _STRATEGY),
    )
    trained = trainable(active, tasks, state.params, program.heads_of)
    params, optimizer, norm = program.optimizer.update(
        gradient, state.optimizer, state.params, state.step, trained
    )
    weighting = differentiate.post(params, weighting, *numbered, carry=state.batch_stats)
    decay = ema_decay(state.step, program.ema, program.ema_warmup)
    ema = move(state.ema, {"params": params, "batch_stats": aux.carry}, decay)
    logs = {
        **{f"loss/{task}": loss for task, loss in zip(tasks, losses)},
        TOTAL: jnp.vdot(losses, jnp.asarray(program.total, jnp.float32)),
        "loss/weighted": jnp.vdot(losses, weights),
        **{f"weight/{task}": weight for task, weight in zip(tasks, weights)},
        **{f"weighting/{name}": value for name, value in aux.strategy.items()},
        **aux.extra,
        "gradient/norm": norm,
        "learning_rate": jnp.float32(program.optimizer.rate(state.step)),
    }
    return TrainState(state.step + 1, params, aux.carry, optimizer, ema, weighting), logs


def conflict_step(state: TrainState, batch: dict, program: Program, *, axis_name: str | None) -> dict:
    """How the tasks' gradients on the trunk stand to each other on a batch, whatever the strategy.

    Nothing is changed; the first micro-batch counts.

    Returns:
      'conflict/norm_<task>' and, for each pair of tasks, 'conflict/cosine_<task>_<task>', float32 scalars.
    """
    tasks, rows, table = tuple(program.terms), *_parts(batch)
    key = jax.random.fold_in(jax.random.key(batch[SEED]), state.step)
    watch = Weighting(lambda tasks: (), _show_gram, frozenset({"gram"}))
    differentiate = _differentiate(
        state, program._replace(gradients_on="shared"), watch, table, key, None, axis_name
    )
    first = jax.tree.map(lambda x: x[0], rows)
    (_, _, aux), _, _ = differentiate(state.params, (), jnp.int32(0), first, carry=state.batch_stats)
    norms, cosine = cosines(aux.strategy["gram"])
    found = {f"conflict/norm_{task}": norm for task, norm in zip(tasks, norms)}
    pairs = [(i, j) for i in range(len(tasks)) for j in range(i + 1, len(tasks))]
    return found | {f"conflict/cosine_{tasks[i]}_{tasks[j]}": cosine[i, j] for i, j in pairs}


def _show_gram(signals: Signals, state):
    """Equal weights, and the Gram matrix for whoever wants to see it."""
    return signals.active.astype(jnp.float32), state, {"gram": signals.gram}


def _parts(batch: dict) -> tuple[dict, dict]:
    """(what is another one in every micro-batch, the resident table if there is one)."""
    rows = {key: value for key, value in batch.items() if key not in CONSTANT}
    return rows, {TABLE: batch[TABLE]} if TABLE in batch else {}


def _differentiate(state, program: Program, weighting: Weighting, table: dict, key, count, axis_name):
    """`value_and_grad` of the network's losses on micro-batches (number, rows), BatchNorm's statistics
    carried.
    """

    def losses(params, number, micro, *, carry, offset=None):
        images, labels = _augmented(look_up(micro | table), key, number, program, axis_name)
        variables = {"params": params, "batch_stats": carry}
        variables = variables if offset is None else perturbed(variables, offset)
        outputs, new = program.apply(variables, images, train=True, mutable=["batch_stats"])
        found = task_losses(outputs, labels, program.terms, axis_name=axis_name)
        return Losses(found.shares, found.valid), new.get("batch_stats", {}), found.stats

    def fused(params, number, micro):
        variables = {"params": params, "batch_stats": state.batch_stats}
        return program.apply(variables, look_up(micro | table)[IMAGE], train=False).fused

    return value_and_grad(
        losses,
        weighting,
        shared=TRUNK,
        representation=fused if program.gradients_on == "rep" and "gram" in weighting.needs else None,
        heads=program.heads,
        has_aux=True,
        micro_batches=count,
        axis_name=axis_name,
    )


def _augmented(batch: dict, key, number, program: Program, axis_name) -> tuple[jax.Array, dict]:
    """(images, labels) of one micro-batch, each row by draws of its own number in the global batch."""
    count = batch[INDEX].shape[0]
    device, devices = 0, 1
    if axis_name is not None:
        device, devices = jax.lax.axis_index(axis_name), jax.lax.axis_size(axis_name)
    row = (number * devices + device) * count + jnp.arange(count)
    images, pose = augment.augment(key, batch[IMAGE], batch[POSE], row, program.mirror, program.augment)
    return images, {label: batch[label] for label in LABELS} | {POSE: pose}


def eval_step(variables: dict, batch: dict, apply: Callable, mirror: tuple[int, ...] | None = None) -> dict:
    """Predictions for this device's rows (batch as in `train_step`, with one micro-batch).

    Args:
      mirror: pose class after a flip; if given, logits are means over each image and its mirror image, whose
        poses are swapped back.

    Returns:
      'index' int32 [N] (MISSING: padding), 'embedding', 'fused', 'expression' and, with a pose head, 'pose':
      float32 [N, ...], the last two logits.

    Raises:
      ValueError: a pose has no mirror class, so that its logits cannot be swapped back.
    """
    if mirror is not None and MISSING in mirror:
        raise ValueError(f"every pose needs a mirror class, got {mirror}; evaluate without mirror images")
    rows = look_up({key: value if key in CONSTANT else value[0] for key, value in batch.items()})
    outputs = apply(variables, rows[IMAGE], train=False)
    found = {INDEX: rows[INDEX], "embedding": outputs.embedding, "fused": outputs.fused}
    logits = {EXPRESSION: outputs.expression_logits, POSE: outputs.pose_logits}
    if mirror is not None:
        flipped = apply(variables, rows[IMAGE][:, :, ::-1], train=False)
        logits[EXPRESSION] = (logits[EXPRESSION] + flipped.expression_logits) / 2
        if outputs.pose_logits is not None:
            logits[POSE] = (logits[POSE] + flipped.pose_logits[:, jnp.array(mirror)]) / 2
    return found | {head: values for head, values in logits.items() if values is not None}
