"""GradDrop: at every coordinate only gradients of one sign pass, chosen at random by their balance."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from dmljax.weightings.interface import Weighting
from dmljax.weightings.parts import require

TRAITS = frozenset({"ordered"})


def build(*, leak: float = 0.0) -> Weighting:
    """Keeps, at every coordinate of the gradient, one sign, drawn by how much the tasks agree on it.

    At each coordinate, with u ~ U(0, 1):

        p = (1 + sum_k g_k / sum_k |g_k|) / 2
        keep the positive ones where p > u, else the negative ones;   then sum

    Chen et al., NeurIPS 2020.

    DIFFERS: coordinates are those of the shared parameters, as in later comparisons; the paper takes an
    activation's.

    Needs the tasks' gradients themselves. Cost: a forward pass and K pull-backs through the shared
    parameters. A random key, the same on every device, draws u.

    Args:
      leak: the share of the other sign that passes, 0 <= leak <= 1; at 1 it is the plain sum.

    Raises:
      ValueError: a leak out of its range.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from dmljax import weightings
      >>> strategy = weightings.graddrop()
      >>> losses_fn = lambda p: {"depth": p[0] + p[1], "normals": p[0] - p[1]}
      >>> f = weightings.value_and_grad(losses_fn, strategy)
      >>> params = jnp.array([1.0, 1.0])
      >>> state = strategy.init(("depth", "normals"), f.shared(params))
      >>> (losses, weights, aux), gradient, state = f(params, state, rng=jax.random.key(0))
      >>> [abs(float(g)) for g in gradient]  # they agree on the first coordinate
      [2.0, 1.0]
    """
    require(leak=(leak, 0 <= leak <= 1, "from 0 to 1"))

    def transform(jacobian, signals, state):
        leaves, tree = jax.tree.flatten(jacobian)
        dropped = []
        for number, leaf in enumerate(leaves):
            gradient = leaf * signals.active.astype(leaf.dtype).reshape((-1,) + (1,) * (leaf.ndim - 1))
            total = jnp.abs(gradient).sum(0)
            positive = 0.5 * (1 + gradient.sum(0) / jnp.where(total > 0, total, 1))
            up = positive > jax.random.uniform(jax.random.fold_in(signals.rng, number), positive.shape)
            passes = jnp.where(up, gradient > 0, gradient < 0)
            dropped.append(gradient * (leak + (1 - leak) * passes.astype(leaf.dtype)))
        return jax.tree.unflatten(tree, dropped), state

    def update(signals, state):
        return signals.active.astype(jnp.float32), state, {}

    return Weighting(lambda tasks, params: (), update, frozenset({"jacobian", "rng"}), transform)
