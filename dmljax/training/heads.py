"""The tasks of the heads: classes by cross-entropy, angles by Huber's loss or over bins."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax.numpy as jnp

from dmljax.losses.angles import angle_difference, binned_angles, huber_angles
from dmljax.losses.classification import cross_entropy
from dmljax.losses.reduce import masked_mean, sum_over_devices
from dmljax.training.mix import MIXED, Mixed
from dmljax.training.tasks import Task
from dmljax.types import ANGLE_NAMES, ANGLES, EXPRESSION, Outputs


class HeadLoss(NamedTuple):
    """How a head's cross-entropy is taken, see `losses.cross_entropy`; static.

    Attributes:
      smoothing: of the labels.
      gamma: of the focal loss.
      weights: of each class; empty: 1 for all.
    """

    smoothing: float = 0.0
    gamma: float = 0.0
    weights: tuple[float, ...] = ()


class AnglesLoss(NamedTuple):
    """How the loss of the head for angles is taken, see `losses.huber_angles` and `binned_angles`; static.

    Attributes:
      delta: degrees from which Huber's loss is linear.
      alpha: weight of the squared error beside the bins' cross-entropy, in 1 / degrees^2.
      width: of a bin in degrees.
    """

    delta: float = 10.0
    alpha: float = 0.001
    width: float = 3.0


def classes(name: str, how: HeadLoss, outputs: Outputs, labels, axis_name, micro_batches) -> Task:
    """Cross-entropy and accuracy of one head."""
    del micro_batches
    logits = outputs.heads[name]
    weights = jnp.array(how.weights, jnp.float32) if how.weights else None
    entropy = partial(cross_entropy, logits, smoothing=how.smoothing, gamma=how.gamma, weights=weights)
    loss, valid = entropy(labels[name])
    right = (valid & (jnp.argmax(logits, -1) == labels[name])).sum().astype(jnp.float32)
    judged = valid
    if name == EXPRESSION and MIXED in labels:  # mixed images have two, and no label that could be hit
        mixed: Mixed = labels[MIXED]
        (first, one), (second, other) = entropy(mixed.first), entropy(mixed.second)
        both = one & other
        loss = jnp.where(both, mixed.share * first + (1 - mixed.share) * second, loss)
        valid = valid | both
    share, count = masked_mean(loss, valid, axis_name=axis_name)
    hits = sum_over_devices(right, axis_name)
    of = count if judged is valid else sum_over_devices(judged.sum().astype(jnp.float32), axis_name)
    return Task(((share, count),), count > 0, {f"accuracy/{name}": ((hits, of),)})


def angles(how: AnglesLoss, outputs: Outputs, labels, axis_name, micro_batches) -> Task:
    """Loss of yaw, pitch and roll, a mean over all of them that are known, and their mean absolute errors."""
    del micro_batches
    predicted, true = outputs.angles, labels[ANGLES]
    if outputs.angle_logits is None:
        loss, valid = huber_angles(predicted, true, delta=how.delta)
    else:
        loss, valid = binned_angles(outputs.angle_logits, predicted, true, width=how.width, alpha=how.alpha)
    share, count = masked_mean(loss, valid, axis_name=axis_name)
    known = ~jnp.isnan(true)
    error = jnp.where(known, jnp.abs(angle_difference(predicted, jnp.where(known, true, 0.0))), 0.0)
    sums = sum_over_devices(jnp.stack([error.sum(0), known.sum(0).astype(jnp.float32)]), axis_name)
    told = {f"error/{name}": ((sums[0, k], sums[1, k]),) for k, name in enumerate(ANGLE_NAMES)}
    return Task(((share, count),), count > 0, told)
