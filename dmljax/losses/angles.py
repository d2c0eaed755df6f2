"""Losses of angles in degrees: Huber's, and a softmax over bins with the squared error of its mean."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from dmljax.losses import shapes
from dmljax.losses.classification import cross_entropy


def angle_difference(one: jax.Array, other: jax.Array) -> jax.Array:
    """one - other on the circle: degrees above -180 and up to 180; its gradient is that of the difference.

    Example:
      >>> import jax.numpy as jnp
      >>> angle_difference(jnp.array([170.0, 10.0, -90.0]), jnp.array([-170.0, 30.0, 90.0])).tolist()
      [-20.0, -20.0, 180.0]
    """
    difference = one - other
    return difference - 360.0 * jnp.ceil(difference / 360.0 - 0.5)


def huber_angles(
    predicted: jax.Array, angles: jax.Array, *, delta: float = 10.0
) -> tuple[jax.Array, jax.Array]:
    """Huber's loss of the difference d on the circle, in units of delta.

        1/2 (d / delta)^2  where |d| <= delta,  |d| / delta - 1/2  elsewhere

    Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics 35 (1964).

    Args:
      predicted: degrees, float [N, A].
      angles: degrees, float [N, A]; nan where not known.
      delta: degrees from which the loss is linear, above 0.

    Returns:
      (loss float32 [N, A], valid bool [N, A]); loss and gradient are 0 where the angle is not known.

    Raises:
      ValueError: an array of another shape, or a delta out of its range.

    Example:
      >>> import jax.numpy as jnp
      >>> loss, valid = huber_angles(jnp.array([[5.0, 40.0]]), jnp.array([[0.0, 0.0]]), delta=10.0)
      >>> loss.tolist()
      [[0.125, 3.5]]
    """
    shapes.require(predicted=(predicted, "N A"), angles=(angles, "N A"))
    if not delta > 0:
        raise ValueError(f"delta must be above 0; got {delta}")
    known = ~jnp.isnan(angles)
    size = jnp.abs(_differences(predicted, angles, known)) / delta
    return jnp.where(size <= 1, size * size / 2, size - 0.5), known


def binned_angles(
    logits: jax.Array, predicted: jax.Array, angles: jax.Array, *, width: float = 3.0, alpha: float = 0.001
) -> tuple[jax.Array, jax.Array]:
    """Cross-entropy of the angle's bin, and the squared error of the mean over the bins.

        -log softmax(logits)[bin of the angle] + alpha d^2,  d = predicted - angle on the circle

    Ruiz, Chong and Rehg, "Fine-grained head pose estimation without keypoints", CVPR workshops 2018
    (arXiv:1710.00925), with B = 66 bins of 3 degrees.

    Args:
      logits: float [N, A, B], of bins of `width` degrees, symmetric about 0.
      predicted: mean of the bins' middles by the softmax, degrees, float [N, A].
      angles: degrees, float [N, A]; nan where not known. One beyond the bins is not learnt.
      width: of a bin in degrees, above 0.
      alpha: of the squared error, in 1 / degrees^2, at least 0.

    Returns:
      (loss float32 [N, A], valid bool [N, A]); loss and gradient are 0 where nothing is learnt.

    Raises:
      ValueError: an array of another shape, or a number out of its range.

    Example:
      >>> import jax.numpy as jnp
      >>> logits, angle = jnp.zeros((1, 1, 4)), jnp.array([[-5.0]])
      >>> loss, _ = binned_angles(logits, jnp.zeros((1, 1)), angle, width=3.0, alpha=0.1)
      >>> round(float(loss[0, 0]), 4)  # log 4 + 0.1 x 25
      3.8863
    """
    shapes.require(logits=(logits, "N A B"), predicted=(predicted, "N A"), angles=(angles, "N A"))
    if not (width > 0 and alpha >= 0):
        raise ValueError(f"width must be above 0 and alpha at least 0; got {width} and {alpha}")
    rows, columns, bins = logits.shape
    within = jnp.abs(angles) <= width * bins / 2  # nan is not
    number = jnp.floor(jnp.where(within, angles, 0.0) / width + bins / 2).astype(jnp.int32)
    label = jnp.where(within, jnp.clip(number, 0, bins - 1), -1)
    entropy, _ = cross_entropy(logits.reshape(rows * columns, bins), label.reshape(rows * columns))
    difference = _differences(predicted, angles, within)
    return entropy.reshape(rows, columns) + alpha * jnp.square(difference), within


def _differences(predicted, angles, known):
    """Masked before anything is computed, so that gradients are 0 and not nan where nothing is known."""
    here = jnp.where(known, predicted.astype(jnp.float32), 0.0)
    return jnp.where(known, angle_difference(here, jnp.where(known, angles, 0.0).astype(jnp.float32)), 0.0)
