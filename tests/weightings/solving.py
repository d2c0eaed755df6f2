"""Weights of a strategy in float32 for given gradients, one set or many at once."""

import jax
import jax.numpy as jnp
import numpy as np

from dmljax import plugins
from dmljax.weightings import Signals


def jacobian(rng, ratio, tasks):
    rows = rng.standard_normal((tasks, max(12, 3 * tasks)))
    lengths = rng.permutation(ratio ** -np.linspace(0, 1, tasks))
    rows *= (lengths / np.linalg.norm(rows, axis=1))[:, None]
    return rows.astype(np.float32).astype(np.float64)


def answer(name, jacobian, **options):
    """(weights in float32, aux values)."""
    strategy = plugins.load("weightings", name).build(**options)
    on = jnp.ones(len(jacobian), bool)
    gram = jnp.asarray(jacobian @ jacobian.T, jnp.float32)
    seen = Signals(jnp.ones(len(jacobian), jnp.float32), on, on, jnp.int32(0), gram)
    found, _, aux = jax.jit(strategy.update)(seen, strategy.init(tuple(map(str, range(len(jacobian))))))
    return found, aux


def weights(name, jacobian, **options):
    """Weights in float32, as float64."""
    found, _ = answer(name, jacobian, **options)
    assert found.dtype == jnp.float32
    return np.asarray(found, np.float64)


def told(name, jacobian):
    """Whether the strategy tells that its weights are not by its rule."""
    return bool(answer(name, jacobian)[1]["fallback"])


def at_once(name, given, **options):
    """(weights in float32 of gradients [tasks, parameters] each, whether they are not by the rule)."""
    strategy, tasks = plugins.load("weightings", name).build(**options), len(given[0])
    on = jnp.ones(tasks, bool)

    @jax.jit
    @jax.vmap
    def solve(gram):
        seen = Signals(jnp.ones(tasks), on, on, jnp.int32(0), gram)
        found, _, aux = strategy.update(seen, strategy.init(tuple(map(str, range(tasks)))))
        return found, aux["fallback"]

    found, instead = solve(jnp.asarray([rows @ rows.T for rows in given], jnp.float32))
    return np.asarray(found, np.float64), np.asarray(instead, bool)
