"""Convex problems with inequalities on the Gram matrix, solved exactly inside the compiled step.

Of few tasks every subset is looked at: 2^K small linear systems, solved at once, without a loop. Of many an
active set is grown and shrunk by one task at a time, which takes about as many linear systems as there are
tasks.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from dmljax.weightings.solvers import solve_on

FEW = 8  # tasks of which all subsets are looked at
_ROUNDING = 4  # times the rounding of a slope that it must be steeper by to be one


def subsets(tasks: int) -> np.ndarray:
    """All non-empty subsets, bool [2^K - 1, K]."""
    return np.array([[number >> k & 1 for k in range(tasks)] for number in range(1, 2**tasks)], bool)


def best(candidates, objective, feasible):
    """The candidate [M, K] with the smallest objective [M] among the feasible; the first of equals."""
    return candidates[jnp.argmin(jnp.where(feasible & jnp.isfinite(objective), objective, jnp.inf))]


def least_norm(gram, present):
    """argmin w^T G w over the simplex (MGDA), exactly: the best face of the simplex."""
    if len(gram) > FEW:
        return _least_norm_of_many(gram, present)
    faces, ones = jnp.asarray(subsets(len(gram))), jnp.ones(len(gram), gram.dtype)
    points = onto_faces(jax.vmap(lambda chosen: solve_on(gram, chosen, ones))(faces))
    allowed = ~(faces & ~present[None]).any(1)
    return best(points, squared_length(points, gram), allowed)


def onto_faces(points):
    """Points [M, K] of the simplex: negative entries, which are rounding in the best of them, become 0. NaN
    where nothing is left.
    """
    points = jnp.clip(points, 0, None)
    return points / points.sum(1, keepdims=True)


def squared_length(points, gram):
    """|sum_k w_k g_k|^2 [M] of the weights w in rows of `points` [M, K]."""
    return jnp.maximum(jnp.einsum("mi,ij,mj->m", points, gram, points), 0)


def above(gram, bound, present):
    """argmin v^T G v with v >= bound, exactly: the best choice of the tasks that lie on their bound."""
    tasks = len(gram)
    if tasks > FEW:
        return _above_of_many(gram, bound, present)
    free_sets = jnp.asarray(np.concatenate([np.zeros((1, tasks), bool), subsets(tasks)]))

    def corner(free):
        held = jnp.where(free, 0.0, bound)
        return held + solve_on(gram, free, -(gram @ held))

    points = jnp.maximum(jax.vmap(corner)(free_sets), bound[None])
    allowed = ~(free_sets & ~present[None]).any(1)
    # at the minimum each task is on its bound or has no slope; of the lengths near it rounding hides 1e-3
    lengths = jnp.sqrt(jnp.diag(gram))[None]
    short = jnp.abs(jnp.minimum((points - bound[None]) * lengths, points @ gram / lengths)).max(1)
    return best(points, short, allowed)


def _least_norm_of_many(gram, present):
    ones = jnp.ones(len(gram), gram.dtype)

    def stationary(free):
        point = solve_on(gram, free, ones)
        return point / point.sum(), ones, jnp.bool_(True)

    slope = lambda w: (gram @ w, jnp.abs(gram) @ w)
    return active_set(gram, present, stationary, slope, start=_shortest_of_two(gram, present))


def _shortest_of_two(gram, present):
    """The best point of the simplex with two tasks at most [K]; of opposite gradients the optimum itself."""
    squares, unlike = jnp.diag(gram), ~jnp.eye(len(gram), dtype=bool)
    between = squares[:, None] + squares[None] - 2 * gram
    share = (squares[None] - gram) / jnp.where(unlike & (between > 0), between, 1.0)  # of the row's task
    share = jnp.clip(share, 0, 1)
    parts = share**2 * squares[:, None] + (1 - share) ** 2 * squares[None]
    value = parts + 2 * share * (1 - share) * gram
    value = jnp.where(value > _ROUNDING * jnp.finfo(gram.dtype).eps * parts, value, 0.0)
    value = jnp.where(unlike & present[:, None] & present[None], value, jnp.inf)
    one, other = jnp.divmod(jnp.argmin(value), len(gram))
    alone = jnp.argmin(jnp.where(present, squares, jnp.inf))
    two = jnp.zeros_like(squares).at[one].add(share[one, other]).at[other].add(1 - share[one, other])
    return jnp.where(jnp.isfinite(value.min()), two, (jnp.arange(len(gram)) == alone).astype(gram.dtype))


def _above_of_many(gram, bound, present):
    pull = gram @ bound  # of x = v - bound >= 0

    def stationary(free):
        return solve_on(gram, free, -pull), pull, jnp.bool_(True)

    slope = lambda x: (gram @ x + pull, jnp.abs(gram) @ (x + jnp.abs(bound)))
    return bound + active_set(gram, present, stationary, slope)


def active_set(gram, present, stationary: Callable, slope: Callable, *, start=None):
    """argmin of a convex function over x >= 0 or, with `start`, over the simplex [K].

    From the minimum on one face the task with the steepest descent is let in; where the way to the next
    minimum leaves the face, it ends at the border, and the task that is 0 there is put out (Lawson and
    Hanson, 1974, chapter 23).

    Args:
      gram: inner products, whose diagonal gives the tasks' lengths, [K, K].
      present: tasks that may be more than 0, bool [K].
      stationary: free bool [K] -> (the minimum [K] over the span of that face, a direction [K] in which the
        function falls without end, whether there is the minimum).
      slope: x -> (gradient [K], the sizes that it is summed from [K], for its rounding).
      start: the point of the simplex to begin with, the minimum of its face [K]; None: x = 0.
    """
    tasks, lengths = len(gram), jnp.sqrt(jnp.diag(gram))

    def moved(x, free):
        """(x, tasks to put out) after the way to the minimum of the face, or to its border."""
        point, away, has_minimum = stationary(free)
        direction = jnp.where(free, jnp.where(has_minimum, point - x, away), 0.0)
        falls = free & (direction < 0)
        shares = jnp.where(falls, x / jnp.where(falls, -direction, 1.0), jnp.inf)
        share = shares.min()
        whole = (has_minimum & (share >= 1)) | ~falls.any()
        border = jnp.maximum(x + jnp.where(whole, 0.0, share) * direction, 0)
        minimum = jnp.where(has_minimum & free, jnp.maximum(point, 0), x)
        out = falls & (shares <= share) & ~whole
        return jnp.where(out, 0.0, jnp.where(whole, minimum, border)), out, whole

    def wanted(x, free, shut):
        """The task to let in, bool [K]; none where no slope is steeper than its rounding."""
        falling, sizes = slope(x)
        share = 0.0 if start is None else x / x.sum()  # of the simplex: beside what all have in common
        level, size = (share * falling).sum(), (share * sizes).sum()
        noise = _ROUNDING * jnp.finfo(gram.dtype).eps * (sizes + size)
        may = present & ~free & ~shut & (level - falling > noise)
        gain = jnp.where(may, (level - falling) / lengths, -jnp.inf)
        return may & (jnp.arange(tasks) == jnp.argmax(gain))

    def body(state):
        x, free, shut, settled, _, count = state
        let_in = wanted(x, free, shut) & settled
        done = settled & ~let_in.any()
        new, out, whole = moved(x, free | let_in)
        shut = shut | (out & (x == 0))  # let in by rounding alone: not again
        return jnp.where(done, x, new), (free | let_in) & ~out, shut, whole, done, count + 1

    x = jnp.zeros(tasks, gram.dtype) if start is None else start
    state = x, x > 0, jnp.zeros(tasks, bool), jnp.bool_(True), jnp.bool_(False), 0
    going = lambda state: ~state[4] & (state[5] < 6 * tasks)
    return jax.lax.while_loop(going, body, state)[0]
