"""What every weighting strategy keeps."""
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dmljax import plugins
from dmljax.train.step import PROVIDES
from dmljax.types import TASKS, Signals

NAMES = plugins.names("weightings")


@pytest.fixture(params=NAMES)
def strategy(request):
    plugin = plugins.load("weightings", request.param)
    return plugin.build(**plugin.default_config())


def signals(step, losses, active=(True, True, True), valid=(True, True, True)):
    return Signals(jnp.float32(losses), jnp.array(active), jnp.array(valid), jnp.int32(step))


def run(strategy, losses, state=None, active=(True, True, True), update=None):
    state = strategy.init(TASKS) if state is None else state
    weights = []
    for step, row in enumerate(losses):
        w, state, aux = (update or strategy.update)(signals(step, row, active), state)
        assert w.shape == (3,) and w.dtype == jnp.float32 and all(jnp.ndim(v) == 0 for v in aux.values())
        weights.append(np.asarray(w))
    return np.array(weights), state


def test_weights_are_finite_and_not_negative(strategy, rng):
    assert strategy.needs <= PROVIDES
    for losses in (rng.uniform(0.1, 5, (40, 3)), np.zeros((40, 3)), np.full((40, 3), 1e-12), rng.uniform(0, 1e8, (40, 3))):
        weights, _ = run(strategy, losses)
        assert np.isfinite(weights).all() and (weights >= 0).all() and (weights.sum(1) > 0).all()


def test_the_state_keeps_its_shape_and_compiles_once(strategy, rng):
    update = jax.jit(strategy.update)
    state = strategy.init(TASKS)
    shapes = jax.tree.map(lambda x: (jnp.shape(x), jnp.asarray(x).dtype), state)
    _, after = run(strategy, rng.uniform(0.1, 5, (25, 3)), state, update=update)
    assert jax.tree.map(lambda x: (jnp.shape(x), jnp.asarray(x).dtype), after) == shapes
    assert update._cache_size() == 1


def test_stopped_anywhere_it_goes_on_the_same(strategy, rng):
    losses = rng.uniform(0.1, 5, (37, 3))
    whole, end = run(strategy, losses)
    first, state = run(strategy, losses[:13])
    saved = jax.tree.map(lambda x: np.frombuffer(np.asarray(x).tobytes(), np.asarray(x).dtype).reshape(np.shape(x)), state)
    second, again = run(strategy, losses[13:], jax.tree.map(jnp.asarray, saved))
    assert np.array_equal(whole, np.concatenate([first, second]))
    assert jax.tree.all(jax.tree.map(lambda a, b: bool((a == b).all()), end, again))


def test_inactive_tasks_have_no_weight(strategy, rng):
    weights, state = run(strategy, rng.uniform(0.1, 5, (30, 3)), active=(True, False, True))
    assert not weights[:, 1].any() and (weights[:, [0, 2]] > 0).all()
    weights, _ = run(strategy, rng.uniform(0.1, 5, (1, 3)), state)
    assert (weights > 0).all()


def test_no_host_callback(strategy):
    jaxpr = jax.make_jaxpr(strategy.update)(signals(0, np.ones(3)), strategy.init(TASKS))
    assert "callback" not in str(jaxpr)
