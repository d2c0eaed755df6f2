"""Fewer images to learn from, of which the pose says the expression: what a network must not learn to use."""

from __future__ import annotations

import numpy as np

from dmljax.types import Samples, UserError, nearest


def poses_of(samples: Samples, said: str) -> np.ndarray:
    """The pose class at which each expression is shown, int [expressions].

    Args:
      said: 'happiness=45,anger=-45' by the classes' names; expressions that are not named get the poses in
        their order, over and over.

    Raises:
      UserError: a text of another form, or an unknown class.
    """
    expressions, poses = samples.expression_names, samples.pose_names
    found = np.arange(len(expressions)) % max(len(poses), 1)
    for text in filter(None, (part.strip() for part in said.split(","))):
        name, equals, pose = (part.strip() for part in text.partition("="))
        for kind, value, known in (("expression", name, expressions), ("pose", pose, poses)):
            if not equals or value not in known:
                raise UserError(
                    f"split.poses_of must be EXPRESSION=POSE,EXPRESSION=POSE; '{value or text}' is no {kind}"
                    f" of {samples.name}, which has {', '.join(known)}.{nearest(value, known)}"
                )
        found[expressions.index(name)] = poses.index(pose)
    return found


def chosen(
    samples: Samples, rows: np.ndarray, *, shown: int, correlation: float, said: str, seed: int
) -> np.ndarray:
    """Those of `rows` that are kept: `shown` images of each person and expression, as far as there are.

    One after another is drawn from those that are left: with the probability `correlation` one at the pose of
    its expression, if there is one, else any. So the number of images does not depend on `correlation`, and
    at 0 the poses are as frequent as they were. Images without an expression, a pose or a person stay.

    Args:
      rows: indices of samples, sorted.
      shown: images of each person and expression; 0: all.
      correlation: 0..1.
      said: which pose is an expression's own, see `poses_of`.

    Raises:
      UserError: a correlation of all images, or of a set with fewer than two poses or expressions.
    """
    if not shown:
        if correlation:
            raise UserError(
                f"split.correlation={correlation:g} needs split.shown, how many images of each person and"
                " expression are kept: of all of them none can be preferred"
            )
        return rows
    own_pose = poses_of(samples, said)
    if correlation and min(len(samples.pose_names), len(samples.expression_names)) < 2:
        raise UserError(f"split.correlation: {samples.name} has no two poses and two expressions")
    labels = np.stack([samples.identity[rows], samples.expression[rows], samples.pose[rows]])
    known = (labels >= 0).all(0)
    person, expression, pose = labels[:, known]
    at_own = pose == own_pose[expression]
    rng = np.random.default_rng(np.random.SeedSequence([seed, 11]))
    group = person.astype(np.int64) * len(own_pose) + expression
    order = np.argsort(group, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(group[order])) + 1)
    kept = [_drawn(part, at_own[part], shown, correlation, rng) for part in parts if len(part)]
    candidates = rows[known]
    return np.sort(np.concatenate([rows[~known], *(candidates[part] for part in kept)]).astype(rows.dtype))


def _drawn(part: np.ndarray, own: np.ndarray, shown: int, correlation: float, rng) -> np.ndarray:
    """`shown` members of a group, those with `own` preferred."""
    left = rng.permutation(len(part))
    found: list[int] = []
    while len(left) and len(found) < shown:
        preferred = np.flatnonzero(own[left])
        place = preferred[0] if len(preferred) and rng.random() < correlation else 0
        found.append(int(left[place]))
        left = np.delete(left, place)
    return part[found]
