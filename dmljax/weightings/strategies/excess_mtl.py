"""ExcessMTL: weight by how far each loss stands above its optimum, made for noisy labels."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from dmljax.weightings.interface import Weighting, per_task
from dmljax.weightings.parts import TINY, count, require


class State(NamedTuple):
    """The squared gradients, and the weights as logarithms.

    Attributes:
      squares: S, a tree with leaves [K, ...] like the shared parameters.
      first: e_k(0), float32 [K].
      logits: log w up to a constant, float32 [K].
    """

    squares: object
    first: object
    logits: object


def build(*, eta: float = 0.01) -> Weighting:
    """Gives more weight to tasks whose losses stand far above their optimum, judged by their gradients.

    Squared gradients are summed over time, coordinate by coordinate; e_k(0) is the first e_k, at which
    the weight stays:

        S_k += g_k^2;   e_k = sum g_k^2 / sqrt(S_k + 1e-7)
        w_k <- w_k exp(eta e_k / e_k(0)),   made to sum to K

    He et al., ICML 2024.

    The weights sum to the number of active tasks, as in LibMTL; in TorchJD to 1.

    DIFFERS: the authors' program, LibMTL and TorchJD also move the weights at the first step, by exp(eta e_k)
    with e_k in its own unit; by the formula e_k / e_k(0) is 1 there for every task.

    Needs the tasks' gradients themselves. Cost: a forward pass and K pull-backs through the shared
    parameters, and K copies of these parameters as state.

    Args:
      eta: step size of the weights, above 0.

    Raises:
      ValueError: an eta out of its range.

    Example:
      >>> import jax.numpy as jnp
      >>> from dmljax import weightings
      >>> strategy = weightings.excess_mtl(eta=1.0)
      >>> losses_fn = lambda p: {"depth": p[0] ** 2, "normals": p[1] ** 2}
      >>> f = weightings.value_and_grad(losses_fn, strategy)
      >>> params = jnp.array([1.0, 1.0])
      >>> state = strategy.init(("depth", "normals"), f.shared(params))
      >>> for params in (params, jnp.array([1.0, 0.0])):  # normals is at its optimum in the second step
      ...     (losses, weights, aux), gradient, state = f(params, state)
      >>> {name: round(float(w), 2) for name, w in weights.items()}
      {'depth': 1.34, 'normals': 0.66}
    """
    require(eta=(eta, eta > 0, "above 0"))

    def transform(jacobian, signals, state):
        known = signals.active & signals.valid
        wide = lambda leaf: known.reshape((-1,) + (1,) * (leaf.ndim - 1))
        squares = jax.tree.map(lambda s, g: s + jnp.where(wide(g), g**2, 0), state.squares, jacobian)
        terms = jax.tree.map(
            lambda s, g: (g**2 / jnp.sqrt(s + 1e-7)).reshape(len(known), -1).sum(1), squares, jacobian
        )
        excess = sum(jax.tree.leaves(terms))
        first = jnp.where(known & (state.first == 0), excess, state.first)
        again = known & (state.first > 0)  # the first step of a task leaves its weight
        rise = jnp.where(again, excess / jnp.maximum(first, TINY), 0)
        logits = state.logits + eta * rise
        return jacobian, State(squares, first, logits - logits.max())

    def update(signals, state):
        raw = jnp.where(signals.active, jnp.exp(state.logits), 0.0)
        return raw * count(signals.active) / jnp.maximum(raw.sum(), TINY), state, {}

    def init(tasks, params):
        zeros = jnp.zeros(len(tasks))
        return State(per_task(params, len(tasks)), zeros, zeros)

    return Weighting(init, update, frozenset({"jacobian"}), transform)
