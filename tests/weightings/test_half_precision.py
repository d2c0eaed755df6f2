"""Parameters in half precision: every strategy works, and what it solves on is summed in float32."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dmljax import weightings
from dmljax.weightings import Signals


@pytest.fixture(autouse=True)
def as_users_have_it():
    with jax.numpy_dtype_promotion("standard"):
        yield


GRAMS = ("nash_mtl", "fairgrad", "upgrad", "imtl_g", "cagrad", "mgda", "config_mtl", "aligned_mtl", "pcgrad")


def losses_fn(params, x):
    z = jnp.tanh(x @ params["trunk"]).astype(jnp.float32)
    return {"a": jnp.mean((z - 1) ** 2), "b": jnp.mean((z * params["head"].astype(jnp.float32) + 2) ** 2)}


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
@pytest.mark.parametrize("name", weightings.names())
def test_every_strategy_with_parameters_in_half_precision(name, dtype, rng):
    strategy = getattr(weightings, name)(**({"task": "a"} if name == "single" else {}))
    params = {"trunk": jnp.asarray(rng.normal(size=3), dtype), "head": jnp.array(0.5, dtype)}
    count = 2 if "cross_gram" in strategy.needs else None
    f = weightings.value_and_grad(losses_fn, strategy, shared="trunk", micro_batches=count)
    x = jnp.asarray(rng.normal(size=(count, 4, 3) if count else (4, 3)), dtype)
    state = strategy.init(("a", "b"), f.shared(params))
    (_, weights, _), gradient, _ = f(params, state, x, rng=jax.random.key(0), step=jnp.int32(0))
    assert all(weight.dtype == jnp.float32 for weight in weights.values())
    assert all(np.isfinite(float(weight)) for weight in weights.values())
    assert jax.tree.map(lambda leaf: leaf.dtype, gradient) == jax.tree.map(lambda leaf: leaf.dtype, params)


def test_inner_products_are_summed_in_float32():
    found = weightings.gram({"a": jnp.full((2, 4000), 100.0, jnp.float16)})
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, np.full((2, 2), 4e7), rtol=1e-6)


@pytest.mark.parametrize("name", GRAMS)
def test_a_matrix_in_half_precision(name):
    gram = jnp.array([[4.0, -1.0], [-1.0, 2.0]], jnp.bfloat16)
    strategy = getattr(weightings, name)()
    told = [
        strategy.update(
            Signals(jnp.ones(2), gram=gram.astype(dtype), rng=jax.random.key(0)), strategy.init(("a", "b"))
        )[0]
        for dtype in (jnp.bfloat16, jnp.float32)
    ]
    assert told[0].dtype == jnp.float32
    np.testing.assert_array_equal(told[0], told[1])
