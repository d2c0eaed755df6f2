"""Batch-hard mining and the triplet loss (eq. 2-5 of the paper)."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from dmljax.losses import shapes

LINKS = ("hinge", "softplus", "none")


def hardest(
    distances: jax.Array, positive: jax.Array, negative: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """D+ = max over the positives, D- = min over the negatives (eq. 2-3).

    Args:
      distances: float32 [A, R], finite.
      positive, negative: bool [A, R].

    Returns:
      D+ [A], D- [A] and valid [A]: the anchor has at least one positive and one negative. Both distances are
      0 where it has not. Of equal distances the first counts, so the gradient goes to one pair.

    Raises:
      ValueError: an array of another shape.

    Example:
      >>> import jax.numpy as jnp
      >>> positive, negative = jnp.array([[True, True, False]]), jnp.array([[False, False, True]])
      >>> [float(value[0]) for value in hardest(jnp.array([[1.0, 3.0, 2.0]]), positive, negative)[:2]]
      [3.0, 2.0]
    """
    shapes.require(distances=(distances, "A R"), positive=(positive, "A R"), negative=(negative, "A R"))
    valid = positive.any(1) & negative.any(1)
    farthest = jnp.argmax(jnp.where(positive, distances, -jnp.inf), axis=1)
    nearest = jnp.argmin(jnp.where(negative, distances, jnp.inf), axis=1)

    def pick(index):  # a real entry of the row, so that no infinity enters the gradient
        return jnp.where(valid, jnp.take_along_axis(distances, index[:, None], axis=1)[:, 0], 0.0)

    return pick(farthest), pick(nearest), valid


def violation(gap: jax.Array, *, margin: float, link: str) -> jax.Array:
    """The loss of a gap D+ - D-, by its link.

    'hinge': max(0, m + gap). 'softplus': log(1 + exp(m + gap)). 'none': m + gap as eq. 4-5 are printed; it
    has no lower bound, so use it with normalised embeddings. DIFFERS: the default elsewhere is 'hinge'.

    Example:
      >>> import jax.numpy as jnp
      >>> violation(jnp.array([-0.5, 0.5]), margin=0.25, link="hinge").tolist()
      [0.0, 0.75]
    """
    if link == "hinge":
        return jax.nn.relu(margin + gap)
    if link == "softplus":
        return jax.nn.softplus(margin + gap)
    if link == "none":
        return margin + gap
    raise ValueError(f"link must be one of {', '.join(LINKS)}, got '{link}'")


def batch_hard(
    distances: jax.Array, positive: jax.Array, negative: jax.Array, *, margin: float, link: str = "hinge"
) -> tuple[jax.Array, jax.Array]:
    """The batch-hard triplet loss of every anchor (summands of eq. 4-5).

    Args:
      distances: float32 [A, R], finite.
      positive, negative: bool [A, R], from `relations`.
      margin: m, in squared distance, at least 0.
      link: see `violation`.

    Returns:
      (loss float32 [A], valid bool [A]); the loss is 0 where not valid. Gradients are always finite.

    Raises:
      ValueError: an unknown link, a negative margin, or an array of another shape.

    Example:
      >>> import jax.numpy as jnp
      >>> distances = jnp.array([[0.0, 0.5, 0.1, 0.4], [0.5, 0.0, 0.3, 0.2]])
      >>> positive = jnp.array([[False, True, True, False], [False, False, False, False]])
      >>> negative = jnp.array([[False, False, False, True], [False, False, True, True]])
      >>> loss, valid = batch_hard(distances, positive, negative, margin=0.2)
      >>> [round(float(value), 3) for value in loss], valid.tolist()  # 0.2 + 0.5 - 0.4; nobody's positive
      ([0.3, 0.0], [True, False])
    """
    if isinstance(margin, int | float) and margin < 0:
        raise ValueError(f"margin must be at least 0, got {margin}")
    far, near, valid = hardest(distances, positive, negative)
    return jnp.where(valid, violation(far - near, margin=margin, link=link), 0.0), valid
