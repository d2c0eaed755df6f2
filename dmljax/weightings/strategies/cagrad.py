"""CAGrad: the best worst-case direction within a ball about the mean gradient, found exactly."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from dmljax.weightings.interface import Weighting
from dmljax.weightings.parts import even, require
from dmljax.weightings.quadratic import (
    FEW,
    above,
    active_set,
    best,
    least_norm,
    onto_faces,
    squared_length,
    subsets,
)
from dmljax.weightings.solvers import Answer, solve_on, strategy

_CANCELLING = 1e-3  # |g_w| beside the lengths of what is summed: below it rounding decides where it points


def build(*, c: float = 0.5, rescale: bool = False) -> Weighting:
    """Takes the direction near the mean gradient that helps the worst-off task most.

    With g_w = sum_k w_k g_k and the mean gradient g_0:

        w = argmin over the simplex of g_w . g_0 + c |g_0| |g_w|
        direction = g_0 + c |g_0| / |g_w| g_w

    Liu et al., NeurIPS 2021.

    Where the tasks' gradients cancel, g_w = 0, no direction helps the worst-off task: the one taken is that
    nearest to g_0 in which no task gets worse.

    DIFFERS: the minimum is found exactly, on a face of the simplex, where other libraries iterate.

    Needs the Gram matrix of the tasks' gradients. Cost: a forward pass and K pull-backs through the shared
    parameters; with a `representation`, K through what comes after it and one through what comes before.

    Args:
      c: the ball's radius as a share of the mean gradient's length, 0 <= c < 1; 0 is the mean gradient,
        and at 1 the direction could vanish.
      rescale: divide the direction by 1 + c^2, as LibMTL does.

    Raises:
      ValueError: a c out of its range.

    Example:
      >>> import jax.numpy as jnp
      >>> from dmljax import weightings
      >>> strategy = weightings.cagrad(c=0.5)
      >>> gram = jnp.array([[1.0, 0.0], [0.0, 1.0]])  # g_w = g_0: half of it is added
      >>> signals = weightings.Signals(jnp.array([1.0, 2.0]), gram=gram)
      >>> weights = strategy.update(signals, strategy.init(("depth", "normals")))[0]
      >>> [round(float(w), 3) for w in weights]
      [0.75, 0.75]
    """
    require(c=(c, 0 <= c < 1, "from 0 to below 1"))

    def solve(gram, present):
        share = even(present, gram.dtype)
        mean_dot = gram @ share  # g_k . g0
        radius = c * jnp.sqrt(jnp.maximum(share @ mean_dot, 0))
        w = _worst(gram, present, mean_dot, radius)
        length = jnp.sqrt(squared_length(w[None], gram)[0])
        parts = jnp.linalg.norm(w * jnp.sqrt(jnp.diag(gram)))
        cancel = (radius > 0) & (length <= _CANCELLING * parts)
        toward = share + radius / jnp.where(length > 0, length, 1) * w
        weights = jnp.where(cancel, above(gram, share, present), toward)
        return Answer(weights / (1 + c**2 if rescale else 1), instead=cancel)

    return strategy(solve)


def _worst(gram, present, mean_dot, radius):
    """The minimiser w.

    On a face of the simplex G w / |g_w| * radius + G share = nu 1 makes w proportional to G^-1 (nu 1 - q),
    with q = G share. With l the mean of q in the metric of G^-1, and m = |q - l 1|^2 in it,
    nu = l + sqrt((radius^2 - m) / 1^T G^-1 1); where m is larger, the face has no such point.
    """

    def face(chosen):
        """(the face's minimum up to a factor, what falls without end, whether there is the minimum)."""
        ones = chosen.astype(gram.dtype)
        inverse = solve_on(gram, chosen, jnp.stack([ones, mean_dot], 1)).T
        total = inverse[0].sum()
        level = inverse[1].sum() / total
        away = solve_on(gram, chosen, mean_dot - level)
        room = radius**2 - jnp.where(chosen, mean_dot - level, 0) @ away
        return jnp.sqrt(jnp.maximum(room, 0) / total) * inverse[0] - away, -away, room > 0

    def value(points):
        squares, parts = squared_length(points, gram), points**2 @ jnp.diag(gram)
        rounding = 4 * jnp.finfo(gram.dtype).eps * parts
        return points @ mean_dot + radius * jnp.sqrt(jnp.where(squares > rounding, squares, 0.0))

    shortest = least_norm(gram, present)  # where |g_w| can be 0
    if len(gram) > FEW:
        found = _worst_of_many(gram, present, mean_dot, radius, face)[None]
        faces = jnp.zeros_like(found, bool)
    else:
        faces = jnp.asarray(subsets(len(gram)))
        minima, _, has_minimum = jax.vmap(face)(faces)
        found = onto_faces(jnp.where(has_minimum[:, None], minima, jnp.nan))
    points = jnp.concatenate([found, shortest[None]])
    allowed = jnp.append(~(faces & ~present[None]).any(1), True)
    return best(points, value(points), allowed)


def _worst_of_many(gram, present, mean_dot, radius, face):
    def stationary(free):
        point, away, has_minimum = face(free)
        return point / point.sum(), away, has_minimum

    def slope(w):
        length = jnp.sqrt(squared_length(w[None], gram)[0])
        factor = radius / jnp.maximum(length, jnp.finfo(gram.dtype).tiny)
        return mean_dot + factor * (gram @ w), jnp.abs(mean_dot) + factor * (jnp.abs(gram) @ w)

    alone = mean_dot + radius * jnp.sqrt(jnp.diag(gram))
    start = jnp.arange(len(gram)) == jnp.argmin(jnp.where(present, alone, jnp.inf))
    return active_set(gram, present, stationary, slope, start=start.astype(gram.dtype))
