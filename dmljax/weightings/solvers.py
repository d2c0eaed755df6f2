"""Exact solvers on the Gram matrix of the tasks' gradients, by linear algebra or Newton steps.

Those with inequalities are in `quadratic`. A task whose gradient vanishes beside the others' is left out of
the problem and gets weight 1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dmljax.weightings.interface import Weighting
from dmljax.weightings.parts import count

_VANISHING = 1e-12  # of the largest squared norm
_ROUNDING = 10  # times the type's own: what is left of a gradient beside others that is none
_UNSETTLED = 0.01  # relative change of a weight in the last step: above it no solution was found
_MOST = 100.0  # times the weight among orthogonal gradients: above it a rising price keeps weights finite


class Answer(NamedTuple):
    """What a rule makes of the matrix.

    Attributes:
      weights: for gradients of the matrix's scale, [K].
      power: p; the weights are multiplied by c^-p.
      instead: whether the rule has no answer there, and these weights stand for it, bool.
    """

    weights: jax.Array
    power: float = 0.0
    instead: jax.Array | bool = False


def strategy(solve: Callable, *, of_mean: bool = False) -> Weighting:
    """A strategy without memory from `solve(gram [K, K], present bool [K]) -> weights [K]`.

    The matrix it is given is divided by its mean squared norm c, symmetric, and has the identity in rows of
    tasks that are not present; it answers for gradients of that scale, by weights or an `Answer`.

    Args:
      of_mean: the weights share in a mean over the tasks, in which one whose gradient vanishes counts as 0;
        so the step does not jump where it is left out.
    """

    def update(signals, state):
        considered = signals.active & signals.valid
        weights, aux = solved(signals.gram, considered, signals.active, solve, of_mean=of_mean)
        return weights, state, aux

    return Weighting(lambda tasks: (), update, frozenset({"gram"}))


def solved(gram, considered, active, solve: Callable, *, of_mean: bool = False):
    """(weights [K], {'fallback'}): see `strategy`. `considered`: the tasks to solve for, as far as their
    gradients do not vanish.
    """
    present, scale, matrix = prepared(gram, considered)
    with jax.default_matmul_precision("highest"):  # some devices multiply float32 in fewer digits
        answer = solve(matrix, present)
    answer = answer if isinstance(answer, Answer) else Answer(answer)
    share = count(present, matrix.dtype) / count(considered, matrix.dtype) if of_mean else 1.0
    weights = answer.weights * share * scale**-answer.power
    good = present & jnp.isfinite(weights)
    fallback = (active & ~good).any() | (present.any() & answer.instead)
    return jnp.where(active, jnp.where(good, weights, 1.0), 0.0), {"fallback": fallback.astype(weights.dtype)}


def prepared(gram, considered):
    """(present bool [K], scale, matrix [K, K])."""
    gram = jnp.where(jnp.isfinite(gram), (gram + gram.T) / 2, 0.0)
    squared = jnp.where(considered, jnp.diag(gram), 0.0)
    present = considered & (squared > _VANISHING * squared.max())
    # in the matrix's type: else a process of 64 bits takes float32's rounding for a direction
    mean = jnp.where(present, squared, 0).sum() / count(present, gram.dtype)
    scale = jnp.where(present.any(), mean, 1.0)
    both = present[:, None] & present[None]
    return present, scale, jnp.where(both, gram / scale, 0.0) + jnp.diag((~present).astype(gram.dtype))


def solve_on(gram, chosen, right):
    """v with gram_SS v_S = right_S and 0 off the subset S; gram [K, K], chosen [K], right [K] or [K, M].

    Solved on the correlations, right for gradients of unlike lengths. Their rounding on the diagonal keeps it
    finite where they are parallel; what that changes elsewhere is taken back.
    """
    unit, lengths = correlations(gram)
    inside = chosen[:, None] & chosen[None]
    rounding = 2 * len(gram) * jnp.finfo(gram.dtype).eps * jnp.eye(len(gram), dtype=gram.dtype)
    system = jnp.where(inside, unit, 0.0) + jnp.diag((~chosen).astype(gram.dtype))
    by_row = lambda row: row.reshape((-1,) + (1,) * (right.ndim - 1))
    scaled = jnp.where(by_row(chosen), right / by_row(lengths), 0.0)
    factors = jax.scipy.linalg.lu_factor(system + rounding)
    found = jnp.zeros_like(scaled)
    for _ in range(3):
        found = found + jax.scipy.linalg.lu_solve(factors, scaled - system @ found)
    return found / by_row(lengths)


def balanced(gram, present, alpha: float, *, steps: int = 300) -> Answer:
    """w > 0 with (G w)_k = w_k^(-1/alpha), by damped Newton steps on the convex function whose gradient that
    is; alpha = 1 is Nash's bargaining solution.

    Where gradients cancel there is none, and close to it weights grow without bound. With the weights among
    orthogonal gradients, a_k = G_kk^(-alpha/(alpha+1)), solved is

        (G w)_k + a_k^(-1/alpha) max(w_k / (100 a_k) - 1, 0)^3 = w_k^(-1/alpha)

    which is the same for weights up to 100 a_k, continuous in G, and has one solution for every G.

    Along a step the curvature changes by (1/alpha + 1) times the relative change of a weight at most, by
    which the step is shortened. No function is compared: in it, gradients of unlike lengths would drown each
    other.
    """
    power, alone = 1.0 / alpha, jnp.diag(gram) ** (-alpha / (alpha + 1))
    most, price = _MOST * alone, alone**-power
    over = lambda w: jnp.maximum(w / most - 1, 0)
    settled = jnp.finfo(gram.dtype).eps ** 0.6

    def newton(state):
        w, _, count = state
        residual = jnp.where(present, gram @ w + price * over(w) ** 3 - w**-power, 0.0)
        curvature = gram + jnp.diag(power * w ** (-power - 1) + 3 * price / most * over(w) ** 2)
        unit, lengths = correlations(curvature)
        step = jnp.where(present, jnp.linalg.solve(unit, residual / lengths) / lengths, 0.0)
        size = jnp.abs(step / w).max()
        return w - step / (1 + (power + 1) * size), size, count + 1

    going = lambda state: (state[1] > settled) & (state[2] < steps)
    weights, size, _ = jax.lax.while_loop(going, newton, (alone, jnp.array(jnp.inf, gram.dtype), 0))
    return Answer(weights, instead=(present & (over(weights) > 0)).any() | (size > _UNSETTLED))


def correlations(gram):
    """(C [K, K], lengths n [K]) with G = diag(n) C diag(n) and ones on C's diagonal.

    What is solved on C keeps its digits where gradients are of unlike lengths.
    """
    lengths = jnp.sqrt(jnp.diag(gram))
    return gram / lengths[:, None] / lengths[None], lengths


def pseudo_inverse(gram, present):
    """The inverse [K, K] of the present part, without directions whose eigenvalues are rounding."""
    both = present[:, None] & present[None]
    values, vectors = jnp.linalg.eigh(jnp.where(both, gram, 0.0))
    kept = _above_rounding(values)
    return (vectors * jnp.where(kept, 1 / jnp.where(kept, values, 1), 0)[None]) @ vectors.T


def eigen(gram, present, *, sweeps: int = 8):
    """(eigenvalues [K], eigenvectors [K, K], kept bool [K]) of the present part, the largest last; those that
    are rounding are 0.

    G = L L^T, and Jacobi's rotations of L's columns, which end orthogonal, leave small eigenvalues their
    digits where gradients are of unlike lengths (Veselic and Hari, 1989).
    """
    tasks = len(gram)
    pairs = np.stack(np.triu_indices(tasks, 1), 1)

    def rotate(number, sides):
        p, q = jnp.asarray(pairs)[number % len(pairs)]
        first, last, mixed = sides[p] @ sides[p], sides[q] @ sides[q], sides[p] @ sides[q]
        slope = (last - first) / jnp.where(mixed == 0, 1, 2 * mixed)
        tangent = jnp.where(slope < 0, -1.0, 1.0) / (jnp.abs(slope) + jnp.sqrt(1 + slope**2))
        tangent = jnp.where(mixed == 0, 0.0, tangent).astype(gram.dtype)
        cosine = 1 / jnp.sqrt(1 + tangent**2)
        sine = tangent * cosine
        one, other = cosine * sides[p] - sine * sides[q], sine * sides[p] + cosine * sides[q]
        return sides.at[p].set(one).at[q].set(other)

    sides = _root(gram, present).T
    if tasks > 1:  # one task has no pairs, and the loop's body is traced even where it never runs
        sides = jax.lax.fori_loop(0, sweeps * len(pairs), rotate, sides)
    squares = (sides**2).sum(1)
    order = jnp.argsort(squares)
    values, kept = squares[order], squares[order] > 0
    return values, sides[order].T / jnp.sqrt(jnp.where(kept, values, 1.0))[None], kept


def _root(gram, present):
    """L [K, K] with G = L L^T of the present part, with as many columns, the others 0, as gradients do not
    depend on others.

    Which these are, the cosines tell: a gradient of which others leave little would, as a pivot, blow up the
    rounding of shorter ones. Of them the longest comes first, which leaves the columns graded.
    """
    gram = jnp.where(present[:, None] & present[None], gram, 0.0)
    lengths = jnp.where(present, jnp.sqrt(jnp.diag(gram)), 1.0)
    independent = _cholesky(gram / lengths[:, None] / lengths[None], present)[1]
    return _cholesky(gram, independent)[0]


def _cholesky(gram, allowed):
    """(columns L [K, K], the tasks that were pivots, bool [K]): each step takes the allowed task with the
    most left of it, as far as that is not rounding.
    """
    squared = jnp.diag(gram)

    def step(number, state):
        left, columns, taken = state
        rest = jnp.diag(left)
        may = allowed & ~taken & (rest > _ROUNDING * jnp.finfo(gram.dtype).eps * squared)
        pivot = may & (jnp.arange(len(gram)) == jnp.argmax(jnp.where(may, rest, -jnp.inf)))
        length = jnp.sqrt(jnp.where(may.any(), jnp.where(pivot, rest, 0.0).sum(), 1.0))
        column = jnp.where(pivot[:, None], left, 0.0).sum(0) / length
        return left - column[:, None] * column[None], columns.at[:, number].set(column), taken | pivot

    start = gram, jnp.zeros_like(gram), jnp.zeros(len(gram), bool)
    return jax.lax.fori_loop(0, len(gram), step, start)[1:]


def _above_rounding(values):
    return values > _ROUNDING * jnp.finfo(values.dtype).eps * jnp.maximum(values.max(), 1e-30)


def onto_simplex(w, allowed):
    """Nearest point of the simplex over the allowed tasks; 0 for the others."""
    # the result does not depend on it, rounding does
    w = w - jnp.max(jnp.where(allowed, w, -jnp.inf), initial=-jnp.inf, where=allowed)
    sorted_down = -jnp.sort(-jnp.where(allowed, w, -jnp.inf))
    finite = jnp.where(jnp.isfinite(sorted_down), sorted_down, 0.0)
    shifts = (jnp.cumsum(finite) - 1) / jnp.arange(1, len(w) + 1, dtype=w.dtype)
    inside = jnp.isfinite(sorted_down) & (sorted_down > shifts)
    last = jnp.maximum(inside.sum() - 1, 0)
    return jnp.where(allowed, jnp.clip(w - shifts[last], 0, None), 0.0)
