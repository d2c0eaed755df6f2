"""CAGrad: the best worst-case direction within a ball about the mean gradient, found exactly."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from dmljax.weightings.interface import Weighting
from dmljax.weightings.parts import even, require
from dmljax.weightings.solvers import best, least_norm, ridge, solve_on, strategy, subsets


def build(*, c: float = 0.5, rescale: bool = False) -> Weighting:
    """Takes the direction near the mean gradient that helps the worst-off task most.

    With g_w = sum_k w_k g_k and the mean gradient g_0:

        w = argmin over the simplex of g_w . g_0 + c |g_0| |g_w|
        direction = g_0 + c |g_0| / |g_w| g_w

    Liu et al., NeurIPS 2021.

    DIFFERS: the minimum is found exactly, on every face of the simplex, where other libraries iterate.

    Needs the Gram matrix of the tasks' gradients. Cost: a forward pass and K pull-backs through the shared
    parameters; with a `representation`, K through what comes after it and one through what comes before.

    Args:
      c: the ball's radius as a share of the mean gradient's length, 0 <= c < 1; 0 is the mean gradient,
        and at 1 the direction could vanish.
      rescale: divide the direction by 1 + c^2, as LibMTL does.

    Raises:
      ValueError: a c out of its range; from `init`, more than 8 tasks.

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
