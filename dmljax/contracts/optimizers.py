"""What every optimizer keeps: its losses fall, frozen groups stay, and its saved state goes on as it was.

Tests take a fixture `plugin`, the optimizer's module.
"""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dmljax import plugins
from dmljax.training import digests, optimizer
from dmljax.training.checkpoint import Checkpoints

STEPS = 30
ON = {"trunk": True, "head": True}
# what `build` may ask for beside its own options
GIVEN = {"b1": 0.9, "b2": 0.999, "epsilon": 1e-8, "decayed": optimizer.decayed}


@pytest.fixture(autouse=True)
def standard_promotion():
    """Optax mixes dtypes inside."""
    with jax.numpy_dtype_promotion("standard"):
        yield


@cache
def started(plugin):
    """(first parameters: a convolution, a matrix, a bias and a group that is one array; update, loss)."""
    rng = np.random.default_rng(0)
    draw = lambda *shape: jnp.float32(rng.normal(size=shape))
    params = {"trunk": {"conv": {"kernel": draw(3, 3, 2, 4)}, "dense": draw(4, 6)}, "head": draw(6)}
    params["trunk"]["bias"] = draw(6)
    made = optimizer.build(_direction(plugin), learning_rate=0.02)
    shown = draw(36, 3, 3, 2)

    def loss(p):
        features = jnp.tanh(jnp.einsum("nhwc,hwcf->nf", shown, p["trunk"]["conv"]["kernel"]))
        return jnp.square(
            (features @ p["trunk"]["dense"] + p["trunk"]["bias"][None]) @ p["head"] - 1.0
        ).mean()

    def update(state, params, step, trainable):
        return made.update(jax.grad(loss)(params), state, params, step, trainable)

    return params, jax.jit(made.init)(params), jax.jit(update), jax.jit(loss)


def _direction(plugin):
    taken = plugins.takes("optimizers", plugin)
    return plugin.build(**{name: value for name, value in GIVEN.items() if name in taken})


def steps(plugin, count, params=None, state=None, first=0, trainable=None):
    """(parameters, state) after some steps."""
    start, held, update, _ = started(plugin)
    params, state = (start, held) if params is None else (params, state)
    on = {group: jnp.bool_(flag) for group, flag in (trainable or ON).items()}
    for step in range(first, first + count):
        params, state, norm = update(state, params, jnp.int32(step), on)
        assert np.isfinite(norm)
    return params, state


def test_it_leads_downhill_by_optax_s_rules(plugin):
    optimizer.check_direction(_direction(plugin), "build")


def test_the_loss_falls_and_stays_finite(plugin):
    before, _, _, loss = started(plugin)
    params, state = steps(plugin, STEPS)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((params, state)))
    first, last = float(loss(before)), float(loss(params))
    assert last < 0.9 * first, f"{STEPS} steps at a learning rate of 0.02 lead from {first:.4g} to {last:.4g}"


def test_a_frozen_group_keeps_parameters_and_state(plugin):
    before = steps(plugin, 2)
    after = steps(plugin, 2, *before, first=2, trainable={"trunk": True, "head": False})
    for was, found in zip(before, after):
        jax.tree.map(np.testing.assert_array_equal, found["head"], was["head"])
    assert not np.array_equal(after[0]["trunk"]["dense"], before[0]["trunk"]["dense"])


def test_the_state_goes_on_from_a_checkpoint_bit_for_bit(plugin, tmp_path):
    """It consists of arrays with names of their own, and keeps its structure, shapes and dtypes."""
    params, state = steps(plugin, 3)
    empty = started(plugin)[1]
    assert jax.tree.structure(state) == jax.tree.structure(empty), "the state changes its structure"
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save("last", 3, jax.device_get({"params": params, "state": state}), {})
    saved = checkpoints.newest("last").arrays
    checkpoints.close()
    again = digests.filled({"params": started(plugin)[0], "state": empty}, saved)
    found = steps(plugin, 3, again["params"], again["state"], first=3)
    jax.tree.map(np.testing.assert_array_equal, found, steps(plugin, 3, params, state, first=3))
