"""Fewer images to learn from, most of them at a pose that goes with their expression, as tests are not."""

from __future__ import annotations

import numpy as np

from dmljax.types import Samples, UserError, nearest


def poses_of(samples: Samples, text: str) -> np.ndarray:
    """The pose class that goes with each expression, int [expressions].

    Args:
      text: 'happiness=45,anger=-45' by the classes' names. Expressions that are not named get the poses in
        their order, over and over: with more expressions than poses, some share one.

    Raises:
      UserError: a text of another form, or an unknown class.
    """
    expressions, poses = samples.expression_names, samples.pose_names
    own_pose = np.arange(len(expressions)) % max(len(poses), 1)
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, pose = (word.strip() for word in part.partition("="))
        for kind, value, known in (("expression", name, expressions), ("pose", pose, poses)):
            if not equals or value not in known:
                raise UserError(
                    f"split.poses_of must be EXPRESSION=POSE,EXPRESSION=POSE; '{value or part}' is no {kind}"
                    f" of {samples.name}, which has {', '.join(known)}.{nearest(value, known)}"
                )
        own_pose[expressions.index(name)] = poses.index(pose)
    return own_pose


def share(samples: Samples, rows: np.ndarray, text: str) -> float:
    """The share of `rows` that are at their expression's own pose, of those with both labels."""
    expression, pose = samples.expression[rows], samples.pose[rows]
    known = (expression >= 0) & (pose >= 0)
    return float((pose[known] == poses_of(samples, text)[expression[known]]).mean()) if known.any() else 0.0


def chosen(
    samples: Samples, rows: np.ndarray, *, shown: int, correlation: float, text: str, seed: int
) -> np.ndarray:
    """Those of `rows` that are kept: `shown` images of each person and expression, as far as there are.

    They are drawn one after another from those that are left: with the probability `correlation` one at the
    expression's own pose, as long as there is one, else any. So the number of images does not depend on
    `correlation`, and at 0 poses are as frequent as they were. Images without an expression, a pose or a
    person are all kept.

    Args:
      rows: indices of samples, sorted.
      shown: images of each person and expression; 0: all.
      correlation: 0..1.
      text: which pose is an expression's own, see `poses_of`.

    Raises:
      UserError: `correlation` or `text` without `shown`; or no sample has all three labels, or there are
        fewer than two poses or expressions.
    """
    if not shown:
        if correlation or text:
            raise UserError(
                "split.correlation and split.poses_of choose among images: set split.shown, how many of each"
                " person and expression are kept"
            )
        return rows
    own_pose = poses_of(samples, text)
    labels = np.stack([samples.identity[rows], samples.expression[rows], samples.pose[rows]])
    known = (labels >= 0).all(0)
    if min(len(samples.pose_names), len(samples.expression_names)) < 2 or (len(rows) and not known.any()):
        raise UserError(
            f"split.shown: {samples.name} has no images of two expressions at two poses whose person is known"
        )
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
    taken: list[int] = []
    while len(left) and len(taken) < shown:
        preferred = np.flatnonzero(own[left])
        place = preferred[0] if len(preferred) and rng.random() < correlation else 0
        taken.append(int(left[place]))
        left = np.delete(left, place)
    return part[taken]
