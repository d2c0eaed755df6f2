"""Which images are positives and negatives of an anchor (section 3.3 of the paper).

A relation compares two labels: positives share the class and differ in the factor, negatives differ in the
class and share the factor. It is no label equality: an image can be neither. A missing label (negative)
relates to nothing.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from dmljax.losses import shapes


def relation(label, factor, reference_label=None, reference_factor=None) -> tuple[jax.Array, jax.Array]:
    """Positives share the label and differ in the factor; negatives differ in the label and share the factor.

    Args:
      label, factor: int [A], of the anchors; negative where missing.
      reference_label, reference_factor: int [R], of all rows; the anchors themselves if not given.

    Returns:
      (positive, negative), bool [A, R].

    Raises:
      ValueError: one reference without the other, or an array of another shape.

    Example:
      >>> import jax.numpy as jnp
      >>> positive, negative = relation(jnp.array([0, 0, 1, -1]), jnp.array([5, 6, 5, 5]))
      >>> positive[0].tolist(), negative[0].tolist()
      ([False, True, False, False], [False, False, True, False])
    """
    if (reference_label is None) != (reference_factor is None):
        raise ValueError("give both reference labels, or neither")
    if reference_label is None:
        reference_label, reference_factor = label, factor
    shapes.require(
        label=(label, "A"),
        factor=(factor, "A"),
        reference_label=(reference_label, "R"),
        reference_factor=(reference_factor, "R"),
    )
    known = ((label >= 0) & (factor >= 0))[:, None] & ((reference_label >= 0) & (reference_factor >= 0))[
        None, :
    ]
    same_label = label[:, None] == reference_label[None, :]
    same_factor = factor[:, None] == reference_factor[None, :]
    return known & same_label & ~same_factor, known & ~same_label & same_factor


def pose_relation(
    expression, pose, reference_expression=None, reference_pose=None
) -> tuple[jax.Array, jax.Array]:
    """Pose+: same expression, other pose. Pose-: other expression, same pose.

    Args:
      expression, pose: int [A], the anchors' labels.
      reference_expression, reference_pose: int [R]; the anchors themselves if not given.

    Returns:
      (positive, negative), bool [A, R].

    Example:
      >>> import jax.numpy as jnp
      >>> positive, negative = pose_relation(jnp.array([0, 0, 1]), jnp.array([0, 1, 0]))
      >>> positive[0].tolist(), negative[0].tolist()
      ([False, True, False], [False, False, True])
    """
    return relation(expression, pose, reference_expression, reference_pose)


def identity_relation(
    expression, identity, reference_expression=None, reference_identity=None
) -> tuple[jax.Array, jax.Array]:
    """Id+: same expression, other identity. Id-: other expression, same identity. See `pose_relation`.

    Example:
      >>> import jax.numpy as jnp
      >>> identity_relation(jnp.array([0, 1]), jnp.array([7, 7]))[1].tolist()
      [[False, True], [True, False]]
    """
    return relation(expression, identity, reference_expression, reference_identity)


def class_relation(
    label, reference_label=None, *, first: int | jax.Array | None = None
) -> tuple[jax.Array, jax.Array]:
    """Positives are other images of the class, negatives images of other classes: mining by class alone.

    Args:
      label: int [A], of the anchors; negative where missing.
      reference_label: int [R], of all rows; the anchors themselves if not given.
      first: number of the first anchor among the rows, the others following it, so that no anchor is its own
        positive; None: the rows are other images, or the anchors themselves if not given.

    Returns:
      (positive, negative), bool [A, R].

    Example:
      >>> import jax.numpy as jnp
      >>> positive, negative = class_relation(jnp.array([0, 1, 0, -1]))
      >>> positive[0].tolist(), negative[0].tolist()
      ([False, False, True, False], [False, True, False, False])
    """
    if reference_label is None:
        reference_label, first = label, 0 if first is None else first
    shapes.require(label=(label, "A"), reference_label=(reference_label, "R"))
    known = (label >= 0)[:, None] & (reference_label >= 0)[None, :]
    same = label[:, None] == reference_label[None, :]
    if first is not None:
        itself = (first + jnp.arange(len(label)))[:, None] == jnp.arange(len(reference_label))[None, :]
        return known & same & ~itself, known & ~same
    return known & same, known & ~same
