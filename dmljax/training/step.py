"""The train step and the evaluation step: pure functions of (state, batch) on every device."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import jax
import jax.numpy as jnp

from dmljax.losses.angles import angle_difference
from dmljax.models.dmlnet import ANGLES_HEAD, EXPRESSION_HEAD, POSE_HEAD, TRUNK, perturbed
from dmljax.training import augment, finetune, mix, norms
from dmljax.training.objective import task_losses
from dmljax.training.optimizer import Optimizer
from dmljax.training.phases import trainable
from dmljax.training.state import TrainState, ema_decay, move
from dmljax.training.tasks import Term, told
from dmljax.types import (
    ANGLE_MIRROR,
    ANGLES,
    EXPRESSION,
    IMAGE,
    INDEX,
    LABELS,
    MISSING,
    POSE,
    TOTAL,
    TUPLE_SIZE,
    Outputs,
)
from dmljax.weightings import Signals, Weighting, cosines, value_and_grad

TABLE = "table"  # key of a batch under which the resident set lies
# And the seed of augmentation and of strategies that draw at random: an input, so that another seed is no
# other program.
SEED = "seed"
CONSTANT = (TABLE, SEED)  # the same for all micro-batches
GRADIENTS_ON = ("shared", "rep")  # where inner products are taken: the trunk's parameters, or f2
# Folded into a step's key for the strategy and for the network; no row of a batch has these numbers.
_STRATEGY, _NETWORK = 2**31 - 1, 2**31 - 2


class Program(NamedTuple):
    """The static parts of a step.

    Attributes:
      apply: the network's apply function.
      terms: task -> its loss; see `tasks.Term`.
      total: weight of each task in the fixed combination, `types.TOTAL`.
      weighting: the strategy that weighs the tasks.
      optimizer: as built.
      active: step -> bool [K], the tasks that are trained.
      mirror: pose class after a flip, MISSING where there is none; () of a set without poses. Without it no
        image with a pose is flipped.
      gradients_on: where it compares the tasks' gradients: 'shared', the trunk's parameters, or 'rep', the
        fused feature f2.
      heads: what reaches the heads: 'weighted', their share of the weighted sum, or 'unit', every active loss
        in full.
      heads_of: group of parameters -> the task without which it is not trained.
      augment: see `augment.Options`.
      mix: see `mix.Options`.
      together: consecutive rows that are flipped as one: those of a five-tuple, or 1.
      norm_group: devices, one after the other, that share BatchNorm's statistics; 0: all. The network names
        their axis, and none where it is 1, each for itself.
      ema: decay of the moving averages.
      ema_warmup: start with a smaller decay.
      held: what of the network is not trained; the optimizer knows it too.
    """

    apply: Callable
    terms: Mapping[str, Term]
    total: tuple[float, ...]
    weighting: Weighting
    optimizer: Optimizer
    active: Callable
    mirror: tuple[int, ...]
    gradients_on: str = "shared"
    heads: str = "weighted"
    heads_of: Mapping[str, str] = MappingProxyType(
        {EXPRESSION_HEAD: EXPRESSION, POSE_HEAD: POSE, ANGLES_HEAD: ANGLES}
    )
    augment: augment.Options = augment.Options()
    mix: mix.Options = mix.Options()
    together: int = TUPLE_SIZE
    norm_group: int = 0
    ema: float = 0.9999
    ema_warmup: bool = True
    held: finetune.Kept = finetune.NOTHING


def look_up(batch: dict) -> dict:
    """A batch with its images and labels: those it carries, or those its indices name in the resident table.

    Rows whose index is MISSING are padding: their labels become MISSING, their angles nan.
    """
    if IMAGE not in batch:
        at = jnp.maximum(batch[INDEX], 0)
        batch = {INDEX: batch[INDEX], **{key: column[at] for key, column in batch[TABLE].items()}}
    padding = batch[INDEX] < 0
    found = {**batch, **{key: jnp.where(padding, MISSING, batch[key]) for key in LABELS}}
    if ANGLES in found:
        found[ANGLES] = jnp.where(padding[:, None], jnp.nan, found[ANGLES])
    return found


def train_step(
    state: TrainState, batch: dict, program: Program, *, axis_name: str | None
) -> tuple[TrainState, dict]:
    """One optimizer step over all micro-batches of a batch, weighed by what they have labels for.

    Losses, gradients and what the log tells are those of one large batch. Two things differ by their nature:
    BatchNorm takes its statistics, and mining its hardest examples, from one micro-batch at a time.

    Args:
      state: the same on every device.
      batch: this device's rows, int32 'index' [accumulate, N] and either 'image' uint8 [accumulate, N, H, W,
        C] with the labels int32 [accumulate, N] and, if known, 'angles' float32 [accumulate, N, 3], or
        'table', the resident set; and 'seed', a uint32 scalar.
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
    batch_stats = norms.running(aux.carry, state.batch_stats, program.norm_group, axis_name)
    ema = move(state.ema, {"params": params, "batch_stats": batch_stats}, decay)
    logs = {
        **{f"loss/{task}": loss for task, loss in zip(tasks, losses)},
        TOTAL: jnp.vdot(losses, jnp.asarray(program.total, jnp.float32)),
        "loss/weighted": jnp.vdot(losses, weights),
        **{f"weight/{task}": weight for task, weight in zip(tasks, weights)},
        **{f"weighting/{name}": value for name, value in aux.strategy.items()},
        **told(aux.extra),
        "gradient/norm": norm,
        "learning_rate": jnp.float32(program.optimizer.rate(state.step)),
    }
    return TrainState(state.step + 1, params, batch_stats, optimizer, ema, weighting), logs


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
    lengths, cosine = cosines(aux.strategy["gram"])
    found = {f"conflict/norm_{task}": length for task, length in zip(tasks, lengths)}
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
        trained = finetune.without_gradient(params, program.held, state.step)
        variables = {"params": trained, "batch_stats": carry}
        variables = variables if offset is None else perturbed(variables, offset)
        rngs = {"dropout": _own_key(key, number, axis_name)}
        with (
            finetune.normalising(program.held, state.step),
            norms.grouped(program.norm_group, axis_name),
        ):
            outputs, new = program.apply(variables, images, train=True, mutable=["batch_stats"], rngs=rngs)
        found = task_losses(outputs, labels, program.terms, axis_name=axis_name, micro_batches=count or 1)
        moved = finetune.statistics(new.get("batch_stats", {}), carry, program.held, state.step)
        return found.losses, moved, found.sums

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


def _own_key(key, number, axis_name):
    """A step's key for the network, another one in each micro-batch and on each device."""
    own = jax.random.fold_in(jax.random.fold_in(key, _NETWORK), number)
    return own if axis_name is None else jax.random.fold_in(own, jax.lax.axis_index(axis_name))


def _augmented(batch: dict, key, number, program: Program, axis_name) -> tuple[jax.Array, dict]:
    """(images, labels) of one micro-batch, each row by draws of its own number in the global batch."""
    count = batch[INDEX].shape[0]
    device, devices = 0, 1
    if axis_name is not None:
        device, devices = jax.lax.axis_index(axis_name), jax.lax.axis_size(axis_name)
    row = (number * devices + device) * count + jnp.arange(count)
    labels = {label: batch[label] for label in (*LABELS, ANGLES) if label in batch}
    images, labels = augment.augment(
        key, batch[IMAGE], labels, row, program.mirror, program.augment, together=program.together
    )
    return mix.mix(key, images, labels, row, program.mix, together=program.together)


def eval_step(variables: dict, batch: dict, apply: Callable, mirror: tuple[int, ...] | None = None) -> dict:
    """Predictions for this device's rows (batch as in `train_step`, with one micro-batch).

    Args:
      mirror: pose class after a flip; if given, logits and angles are means over each image and its mirror
        image, whose poses and angles are turned back.

    Returns:
      'index' int32 [N] (MISSING: padding), 'embedding', 'fused' and, as far as there are heads, 'expression'
      and 'pose', logits, and 'angles', degrees above -180 and up to 180: float32 [N, ...].

    Raises:
      ValueError: a pose has no mirror class, so that its logits cannot be swapped back.
    """
    rows = look_up({key: value if key in CONSTANT else value[0] for key, value in batch.items()})
    return {INDEX: rows[INDEX], **forward(variables, rows[IMAGE], apply, mirror)}


def forward(
    variables: dict, images: jax.Array, apply: Callable, mirror: tuple[int, ...] | None = None
) -> dict:
    """Predictions for images [N, H, W, 3]; `mirror` and what is returned as of `eval_step`.

    Raises:
      ValueError: a pose has no mirror class, so that its logits cannot be swapped back.
    """
    if mirror is not None and MISSING in mirror:
        raise ValueError(f"every pose needs a mirror class, got {mirror}; evaluate without mirror images")
    outputs = apply(variables, images, train=False)
    heads = outputs.heads
    if mirror is not None:
        heads = _means(heads, apply(variables, images[:, :, ::-1], train=False), mirror)
    if ANGLES in heads:
        heads[ANGLES] = angle_difference(heads[ANGLES], jnp.zeros_like(heads[ANGLES]))
    return {"embedding": outputs.embedding, "fused": outputs.fused} | heads


def _means(heads: dict, flipped: Outputs, mirror: tuple[int, ...]) -> dict:
    """Means of what the heads say of images and of their mirror images."""
    other = flipped.heads
    if POSE in other:
        other[POSE] = other[POSE][:, jnp.array(mirror)]
    found = {head: (values + other[head]) / 2 for head, values in heads.items() if head != ANGLES}
    if ANGLES in heads:  # half-way round the circle
        turned = other[ANGLES] * jnp.array(ANGLE_MIRROR, jnp.float32)[None]
        found[ANGLES] = heads[ANGLES] + angle_difference(turned, heads[ANGLES]) / 2
    return found
