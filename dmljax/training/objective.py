"""The named losses of a batch over devices: expression, pose and triplets (eq. 4-7), angles of the head."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from dmljax.losses.distances import normalise, squared_distances
from dmljax.losses.reduce import devices, masked_mean, masked_sum, sum_over_devices
from dmljax.losses.relations import class_relation, identity_relation, pose_relation
from dmljax.losses.triplet import hardest, violation
from dmljax.training import heads, rivals
from dmljax.training.heads import AnglesLoss, HeadLoss
from dmljax.training.tasks import Ratio, Task, Term
from dmljax.types import ANGLES, EXPRESSION, IDENTITY, LABELS, POSE, TASKS, TUPLE_SIZE, Outputs
from dmljax.weightings import Losses

ANCHORS, REDUCTIONS, SCOPES = ("tuple", "all"), ("mean", "sum"), ("global", "device")  # see `Options`
# Relations, and the label that each compares beside the expression; 'expression' compares that alone.
RELATIONS = {POSE: POSE, IDENTITY: IDENTITY, EXPRESSION: EXPRESSION}
_OF_TWO = {POSE: pose_relation, IDENTITY: identity_relation}


class Options(NamedTuple):
    """How the losses are taken; static.

    Attributes:
      tasks: which of `types.ALL_TASKS` there are, in this order.
      triplets: which relations are mined: 'pose', 'identity', 'expression'.
      others: metric losses that are added to the triplets' or take their place: pairs (name, its constants);
        see `training.rivals`.
      margins: relation -> margin in squared distance, as pairs. The paper gives no values.
      link: 'hinge', 'softplus' or 'none'. DIFFERS: eq. 4-5 are printed without one and have no lower bound.
      normalise: mine on embeddings of unit length. The paper does not say.
      anchors: 'tuple' (row 0 of every five-tuple) or 'all' rows. The paper says M anchors.
      reduction: 'mean' over the valid anchors times `reference_anchors`, or the literal 'sum'.
      reference_anchors: M of a mini-batch of the paper (three five-tuples).
      scope: 'global', hardest examples from all devices, or 'device', each device's own.
      heads: how the loss of a head for classes is taken, as pairs (task, `HeadLoss`); those left out by the
        plain one.
      angles: how that of the head for angles is taken.
    """

    tasks: tuple[str, ...] = TASKS
    triplets: tuple[str, ...] = ("pose", "identity")
    others: tuple[tuple[str, tuple[tuple[str, float], ...]], ...] = ()
    margins: tuple[tuple[str, float], ...] = (("pose", 0.2), ("identity", 0.2), ("expression", 0.2))
    link: str = "hinge"
    normalise: bool = True
    anchors: str = "tuple"
    reduction: str = "mean"
    reference_anchors: float = 3.0
    scope: str = "global"
    heads: tuple[tuple[str, HeadLoss], ...] = ()
    angles: AnglesLoss = AnglesLoss()


class Result(NamedTuple):
    """Per task, in the order of the terms, and what the log tells.

    Attributes:
      losses: this device's shares of the means that each loss is the sum of, with their counts.
      sums: name -> ratios of which the log's float32 scalar is the sum, without a gradient; see `told`.
    """

    losses: Losses
    sums: dict[str, tuple[Ratio, ...]]


def terms(options: Options) -> dict[str, Term]:
    """The method's losses by task, in the order of `Options.tasks`."""
    how = dict(options.heads)
    own = {
        **{name: partial(heads.classes, name, how.get(name, HeadLoss())) for name in (EXPRESSION, POSE)},
        ANGLES: partial(heads.angles, options.angles),
        "triplet": partial(_metric, options),
    }
    return {task: own[task] for task in options.tasks}


def task_losses(
    outputs: Outputs,
    labels: dict[str, jax.Array],
    terms: Mapping[str, Term],
    *,
    axis_name: str | None = None,
    micro_batches: int = 1,
) -> Result:
    """All losses of this device's rows against the global batch.

    Args:
      outputs: of N rows, whole five-tuples one after another.
      labels: 'expression', 'pose', 'identity' -> int [N], negative where missing; for the task of that name
        'angles' -> degrees, float32 [N, 3], nan where missing.
      terms: task -> its loss; the method's own are `terms(Options())`.
      axis_name: the device axis, or None for one device.
      micro_batches: how many such batches a step takes. Means are weighed by their counts, so that the step's
        losses are those of all samples. Mining, by its nature, sees the rows of one micro-batch: the hardest
        of each, whose valid anchors then all count the same, as those of devices that mine alone.
    """
    found = [term(outputs, labels, axis_name, micro_batches) for term in terms.values()]
    shares, counts = (tuple(tuple(mean[k] for mean in one.means) for one in found) for k in (0, 1))
    losses = Losses(shares, tuple(one.valid for one in found), counts)
    return Result(losses, {name: ratios for one in found for name, ratios in one.sums.items()})


def _metric(options: Options, outputs: Outputs, labels, axis_name, micro_batches) -> Task:
    """The triplets' task: their losses and those of `others`, added up."""
    embedding = outputs.embedding
    references, reference_labels = embedding, labels
    if axis_name is not None and options.scope == "global":
        # The gather is differentiable: its transpose brings every device's gradient back to where the row
        # came from.
        gather = lambda x: jax.lax.all_gather(x, axis_name, tiled=True)
        references, reference_labels = gather(embedding), {key: gather(labels[key]) for key in LABELS}
    task = _triplets(embedding, labels, references, reference_labels, options, axis_name, micro_batches)
    for name, constants in options.others:
        means = rivals.loss(
            name,
            embedding,
            labels,
            references,
            reference_labels,
            outputs.centres,
            constants=constants,
            normalised=options.normalise,
            axis_name=axis_name,
        )
        values = [sum_over_devices(share, axis_name) / devices(axis_name) for share, _ in means]
        sums = {f"metric/{name}": tuple((value * count, count) for value, (_, count) in zip(values, means))}
        valid = jnp.stack([count > 0 for _, count in means]).any()
        task = Task(task.means + means, task.valid | valid, task.sums | sums)
    nothing = ((jnp.float32(0.0), jnp.float32(0.0)),)
    return task._replace(means=task.means or nothing)


def _triplets(
    embedding, labels, references, reference_labels, options: Options, axis_name, micro_batches
) -> Task:
    """L_triplet = L_pose + L_id (eq. 6)."""
    points, references = (normalise(x) if options.normalise else x for x in (embedding, references))
    every = slice(None, None, TUPLE_SIZE if options.anchors == "tuple" else 1)
    distances = squared_distances(points[every], references)
    margins = dict(options.margins)
    means, any_valid, sums = (), jnp.bool_(False), {}
    for name in options.triplets:
        positive, negative = _relation(name, labels, reference_labels, every, axis_name)
        far, near, valid = hardest(distances, positive, negative)
        loss = violation(far - near, margin=margins[name], link=options.link)
        mean, count = masked_mean(loss, valid, axis_name=axis_name)
        if options.reduction == "mean":
            means += ((mean * options.reference_anchors, count),)
        else:  # a sum over the whole step is the micro-batches' mean, times their number
            share = micro_batches * masked_sum(loss, valid, axis_name=axis_name)
            means += ((share, jnp.float32(1.0)),)
        any_valid |= count > 0
        sums |= _health(name, far, near, valid, count, margins[name], axis_name)
    return Task(means, any_valid, sums | _spread(embedding, distances, axis_name))


def _relation(name, labels, reference_labels, every, axis_name):
    """(positive, negative) of the anchors, bool [A, R], by the name of the relation."""
    expression, others = labels[EXPRESSION], reference_labels[EXPRESSION]
    if name in _OF_TWO:
        factor = RELATIONS[name]
        return _OF_TWO[name](expression[every], labels[factor][every], others, reference_labels[factor])
    spread = axis_name is not None and len(others) > len(expression)
    first = jax.lax.axis_index(axis_name) * len(expression) if spread else 0
    positive, negative = class_relation(expression, others, first=first)
    return positive[every], negative[every]


def _health(name, far, near, valid, count, margin, axis_name) -> dict[str, tuple[Ratio, ...]]:
    anchors = sum_over_devices(jnp.float32(valid.shape[0]), axis_name)
    active = valid & (margin + far - near > 0)
    sums = sum_over_devices(jnp.stack([active.sum().astype(jnp.float32), far.sum(), near.sum()]), axis_name)
    return {
        f"triplet/{name}_valid": ((count, anchors),),
        f"triplet/{name}_active": ((sums[0], count),),
        f"triplet/{name}_hardest_positive": ((sums[1], count),),
        f"triplet/{name}_hardest_negative": ((sums[2], count),),
    }


def _spread(embedding, distances, axis_name) -> dict[str, tuple[Ratio, ...]]:
    """Mean norm of the embeddings, and mean squared distance from the anchors to the other rows."""
    norms = jnp.linalg.norm(jax.lax.stop_gradient(embedding), axis=-1)
    sums = sum_over_devices(
        jnp.stack(
            [norms.sum(), jnp.float32(norms.shape[0]), distances.sum(), jnp.float32(distances.shape[0])]
        ),
        axis_name,
    )
    others = distances.shape[1] - 1  # a row's distance to itself is 0
    return {"embedding/norm": ((sums[0], sums[1]),), "embedding/spread": ((sums[2], sums[3] * others),)}
