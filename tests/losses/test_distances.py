import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dmljax.losses import distances


def loop(a, b):
    return np.array([[sum((x - y) ** 2 for x, y in zip(p, q)) for q in b] for p in a])


@pytest.mark.parametrize("explicit", [1 << 24, 0])
def test_both_ways_agree_with_an_explicit_loop(rng, monkeypatch, explicit):
    monkeypatch.setattr(distances, "_EXPLICIT", explicit)
    a, b = rng.normal(size=(4, 6)), rng.normal(size=(7, 6)) + 3
    found = distances.squared_distances(jnp.float32(a), jnp.float32(b))
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, loop(a, b), rtol=2e-5)


def test_equal_points_are_at_distance_zero_with_a_zero_gradient():
    a = jnp.full((3, 4), 1e3)
    value, gradient = jax.value_and_grad(lambda x: distances.squared_distances(x, x).sum())(a)
    assert value == 0 and np.all(np.asarray(gradient) == 0)


def test_bfloat16_is_measured_in_float32(rng):
    a = jnp.asarray(rng.normal(size=(3, 5)), jnp.bfloat16)
    np.testing.assert_allclose(
        distances.squared_distances(a, a), loop(np.float64(a), np.float64(a)), rtol=1e-5, atol=1e-6
    )


def test_normalise(rng):
    x = rng.normal(size=(5, 3))
    x[2] = 0
    value, pull = jax.vjp(distances.normalise, jnp.float32(x))
    length = np.linalg.norm(x, axis=1, keepdims=True)
    np.testing.assert_allclose(value, np.divide(x, length, where=length > 0, out=np.zeros_like(x)), rtol=1e-5)
    (gradient,) = pull(jnp.ones((5, 3)))
    assert np.isfinite(gradient).all() and np.all(np.asarray(gradient)[2] == 0)
