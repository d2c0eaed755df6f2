"""Which images are positives and negatives of an anchor (section 3.3 of the paper).

A relation compares two labels: positives share the expression and differ in the factor, negatives differ in
the expression and share the factor. It is no label equality: an image can be neither. A missing label
(negative) relates to nothing.
"""

from __future__ import annotations

import jax


def _relation(expression, factor, reference_expression, reference_factor) -> tuple[jax.Array, jax.Array]:
    if (reference_expression is None) != (reference_factor is None):
        raise ValueError("give both reference labels, or neither")
    if reference_expression is None:
        reference_expression, reference_factor = expression, factor
    known = ((expression >= 0) & (factor >= 0))[:, None] & (
        (reference_expression >= 0) & (reference_factor >= 0)
    )[None, :]
    same_expression = expression[:, None] == reference_expression[None, :]
    same_factor = factor[:, None] == reference_factor[None, :]
    return known & same_expression & ~same_factor, known & ~same_expression & same_factor


def pose_relation(
    expression, pose, reference_expression=None, reference_pose=None
) -> tuple[jax.Array, jax.Array]:
    """Pose+ : same expression, other pose. Pose- : other expression, same pose.

    Args:
      expression, pose: int [A], the anchors' labels.
      reference_expression, reference_pose: int [R]; the anchors themselves if not given.

    Returns:
      (positive, negative), bool [A, R].
    """
    return _relation(expression, pose, reference_expression, reference_pose)


def identity_relation(
    expression, identity, reference_expression=None, reference_identity=None
) -> tuple[jax.Array, jax.Array]:
    """Id+ : same expression, other identity. Id- : other expression, same identity. As `pose_relation`."""
    return _relation(expression, identity, reference_expression, reference_identity)
