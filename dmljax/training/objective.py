"""The named losses of a batch that is spread over devices: L_expression, L_pose and L_triplet (eq. 4-7)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from dmljax.losses.classification import cross_entropy
from dmljax.losses.distances import normalise, squared_distances
from dmljax.losses.reduce import devices, masked_mean, masked_sum, sum_over_devices
from dmljax.losses.relations import identity_relation, pose_relation
from dmljax.losses.triplet import hardest, violation
from dmljax.training import rivals
from dmljax.types import EXPRESSION, IDENTITY, LABELS, POSE, TASKS, TUPLE_SIZE, Outputs

ANCHORS, REDUCTIONS, SCOPES = ("tuple", "all"), ("mean", "sum"), ("global", "device")  # see `Options`
RELATIONS = {"pose": (pose_relation, POSE), "identity": (identity_relation, IDENTITY)}

# The loss of one task: (outputs, labels, axis name) -> (this device's share, whether the global batch had
# anything for it, what the log tells).
Term = Callable[[Outputs, dict, str | None], tuple[jax.Array, jax.Array, dict]]


class Options(NamedTuple):
    """How the losses are taken; static.

    Attributes:
      tasks: which of 'expression', 'pose', 'triplet' there are, in this order.
      triplets: which relations are mined: 'pose', 'identity'.
      others: metric losses that are added to the triplets' or take their place: pairs (name, its constants);
        see `training.rivals`.
      margins: relation -> margin in squared distance, as pairs. The paper gives no values.
      link: 'hinge', 'softplus' or 'none'. DIFFERS: eq. 4-5 are printed without one and have no lower bound.
      normalise: mine on embeddings of unit length. The paper does not say.
      anchors: 'tuple' (row 0 of every five-tuple) or 'all' rows. The paper says M anchors.
      reduction: 'mean' over the valid anchors times `reference_anchors`, or the literal 'sum'.
      reference_anchors: M of a mini-batch of the paper (three five-tuples).
      scope: 'global', hardest examples from all devices, or 'device', each device's own.
    """

    tasks: tuple[str, ...] = TASKS
    triplets: tuple[str, ...] = ("pose", "identity")
    others: tuple[tuple[str, tuple[tuple[str, float], ...]], ...] = ()
    margins: tuple[tuple[str, float], ...] = (("pose", 0.2), ("identity", 0.2))
    link: str = "hinge"
    normalise: bool = True
    anchors: str = "tuple"
    reduction: str = "mean"
    reference_anchors: float = 3.0
    scope: str = "global"


class Result(NamedTuple):
    """Per task, in the order of the terms, and what the log tells.

    Attributes:
      shares: float32 [K], this device's shares of the losses; their mean over the devices is the loss.
      valid: bool [K], whether the global batch had anything to train the task with.
      stats: name -> float32 scalar over the global batch, without a gradient.
    """

    shares: jax.Array
    valid: jax.Array
    stats: dict[str, jax.Array]


def terms(options: Options) -> dict[str, Term]:
    """The method's losses by task, in the order of `Options.tasks`."""
    own = {
        "expression": partial(_head, EXPRESSION, lambda outputs: outputs.expression_logits),
        "pose": partial(_head, POSE, lambda outputs: outputs.pose_logits),
        "triplet": partial(_metric, options),
    }
    return {task: own[task] for task in options.tasks}


def task_losses(
    outputs: Outputs, labels: dict[str, jax.Array], terms: Mapping[str, Term], *, axis_name: str | None = None
) -> Result:
    """All losses of this device's rows against the global batch.

    Args:
      outputs: of N rows, whole five-tuples one after another.
      labels: 'expression', 'pose', 'identity' -> int [N], negative where missing.
      terms: task -> its loss; the method's own are `terms(Options())`.
      axis_name: the device axis, or None for one device.
    """
    found = [term(outputs, labels, axis_name) for term in terms.values()]
    shares, valid = (jnp.stack([one[k] for one in found]) for k in (0, 1))
    return Result(shares, valid, {name: value for *_, stats in found for name, value in stats.items()})


def _head(name: str, logits_of: Callable, outputs: Outputs, labels, axis_name):
    """Cross-entropy and accuracy of one head."""
    logits = logits_of(outputs)
    loss, valid = cross_entropy(logits, labels[name])
    share, count = masked_mean(loss, valid, axis_name=axis_name)
    right = (valid & (jnp.argmax(logits, -1) == labels[name])).sum().astype(jnp.float32)
    hits = sum_over_devices(right, axis_name)
    return share, count > 0, {f"accuracy/{name}": hits / jnp.maximum(count, 1.0)}


def _metric(options: Options, outputs: Outputs, labels, axis_name):
    """The triplets' task: their losses and those of `others`, added up: share, validity, statistics."""
    embedding = outputs.embedding
    references, reference_labels = embedding, labels
    if axis_name is not None and options.scope == "global":
        # The gather is differentiable: its transpose brings every device's gradient back to where the row
        # came from.
        gather = lambda x: jax.lax.all_gather(x, axis_name, tiled=True)
        references, reference_labels = gather(embedding), {key: gather(labels[key]) for key in LABELS}
    share, any_valid, stats = _triplets(embedding, labels, references, reference_labels, options, axis_name)
    for name, constants in options.others:
        loss, valid = rivals.loss(
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
        share, any_valid, stats = (
            share + loss,
            any_valid | valid,
            stats | {f"metric/{name}": sum_over_devices(loss, axis_name) / devices(axis_name)},
        )
    return share, any_valid, stats


def _triplets(embedding, labels, references, reference_labels, options: Options, axis_name):
    """L_triplet = L_pose + L_id (eq. 6): share, validity, statistics."""
    points, references = (normalise(x) if options.normalise else x for x in (embedding, references))
    every = slice(None, None, TUPLE_SIZE if options.anchors == "tuple" else 1)
    distances = squared_distances(points[every], references)
    margins = dict(options.margins)
    share, any_valid, stats = jnp.float32(0.0), jnp.bool_(False), {}
    for name in options.triplets:
        relation, factor = RELATIONS[name]
        positive, negative = relation(
            labels[EXPRESSION][every],
            labels[factor][every],
            reference_labels[EXPRESSION],
            reference_labels[factor],
        )
        far, near, valid = hardest(distances, positive, negative)
        loss = violation(far - near, margin=margins[name], link=options.link)
        mean, count = masked_mean(loss, valid, axis_name=axis_name)
        if options.reduction == "mean":
            share += mean * options.reference_anchors
        else:
            share += masked_sum(loss, valid, axis_name=axis_name)
        any_valid |= count > 0
        stats |= _health(name, far, near, valid, count, margins[name], axis_name)
    return share, any_valid, stats | _spread(embedding, distances, axis_name)


def _health(name, far, near, valid, count, margin, axis_name) -> dict[str, jax.Array]:
    anchors = sum_over_devices(jnp.float32(valid.shape[0]), axis_name)
    active = valid & (margin + far - near > 0)
    sums = sum_over_devices(jnp.stack([active.sum().astype(jnp.float32), far.sum(), near.sum()]), axis_name)
    per_valid = sums / jnp.maximum(count, 1.0)
    return {
        f"triplet/{name}_valid": count / anchors,
        f"triplet/{name}_active": per_valid[0],
        f"triplet/{name}_hardest_positive": per_valid[1],
        f"triplet/{name}_hardest_negative": per_valid[2],
    }


def _spread(embedding, distances, axis_name) -> dict[str, jax.Array]:
    """Mean norm of the embeddings, and mean squared distance from the anchors to the other rows."""
    norms = jnp.linalg.norm(jax.lax.stop_gradient(embedding), axis=-1)
    sums = sum_over_devices(
        jnp.stack(
            [norms.sum(), jnp.float32(norms.shape[0]), distances.sum(), jnp.float32(distances.shape[0])]
        ),
        axis_name,
    )
    others = distances.shape[1] - 1  # a row's distance to itself is 0
    return {"embedding/norm": sums[0] / sums[1], "embedding/spread": sums[2] / (sums[3] * others)}
