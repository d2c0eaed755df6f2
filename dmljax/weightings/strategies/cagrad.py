"""CAGrad (Liu et al., NeurIPS 2021): the best worst-case direction within a ball about the mean gradient g0,
found exactly.

    w = argmin over the simplex of g_w . g0 + c |g0| |g_w|;   direction = g0 + c |g0| / |g_w| g_w
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from dmljax.weightings.interface import Weighting
from dmljax.weightings.parts import even, require
from dmljax.weightings.solvers import best, least_norm, ridge, solve_on, strategy, subsets


def build(*, c: float = 0.5, rescale: bool = False) -> Weighting:
    """Weights of the direction that helps the worst task most, near the mean gradient.

    Args:
      c: the ball's radius as a share of |g0|, 0 <= c < 1; at 1 the direction could vanish.
      rescale: divide the direction by 1 + c^2, as LibMTL does.

    Raises:
      ValueError: a c out of its range.
    """
    require(c=(c, 0 <= c < 1, "from 0 to below 1"))

    def solve(gram, present):
        share = even(present)
        mean_dot = gram @ share  # g_k . g0
        radius = c * jnp.sqrt(jnp.maximum(share @ mean_dot, 0))
        w = _worst(gram, present, mean_dot, radius)
        length = jnp.sqrt(jnp.maximum(w @ gram @ w, 0))
        # of a usual gradient; below it the tasks' gradients cancel, and g_w has no direction
        far = length > 1e-3
        return (share + jnp.where(far, radius / jnp.where(far, length, 1), 0) * w) / (
            1 + c**2 if rescale else 1
        )

    return strategy(solve)


def _worst(gram, present, mean_dot, radius):
    """The minimiser w. On a face of the simplex the condition G w / |g_w| * radius + G share = nu 1 makes w
    proportional to nu u - q with u = G^-1 1 and q = G^-1 (G share), and nu the larger root of a quadratic.
    """
    system = ridge(gram)

    def face(chosen):
        ones = chosen.astype(gram.dtype)
        right = jnp.where(chosen, mean_dot, 0)
        u, q = solve_on(system, chosen, jnp.stack([ones, right], 1)).T
        a, e, f = u.sum(), q.sum(), right @ q
        nu = (e + jnp.sqrt(jnp.maximum(e**2 - a * (f - radius**2), 0))) / a
        scale = nu * a - e
        return jnp.where(scale > 0, (nu * u - q) / jnp.where(scale > 0, scale, 1), jnp.nan)

    faces = jnp.asarray(subsets(len(gram)))
    # the last: where |g_w| can be 0
    points = jnp.concatenate([jax.vmap(face)(faces), least_norm(gram, present)[None]])
    allowed = (points >= -1e-6).all(1) & ~(jnp.concatenate([faces, faces[:1] & False]) & ~present[None]).any(
        1
    )
    points = jnp.clip(points, 0, None)
    points = points / points.sum(1, keepdims=True)
    objective = points @ mean_dot + radius * jnp.sqrt(
        jnp.maximum(jnp.einsum("mi,ij,mj->m", points, gram, points), 0)
    )
    return best(points, objective, allowed)
