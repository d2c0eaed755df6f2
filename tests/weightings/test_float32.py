"""Solvers in float32 on gradients whose lengths differ by up to 100,000, against NumPy in float64."""

import jax.numpy as jnp
import numpy as np
import pytest

from dmljax import plugins
from dmljax.weightings import Signals


def jacobian(rng, ratio, tasks):
    rows = rng.standard_normal((tasks, 12))
    lengths = rng.permutation(ratio ** -np.linspace(0, 1, tasks))
    rows *= (lengths / np.linalg.norm(rows, axis=1))[:, None]
    return rows.astype(np.float32).astype(np.float64)


def weights(name, jacobian, **options):
    """Weights in float32, as float64."""
    strategy = plugins.load("weightings", name).build(**options)
    on = jnp.ones(len(jacobian), bool)
    gram = jnp.asarray(jacobian @ jacobian.T, jnp.float32)
    seen = Signals(jnp.ones(len(jacobian), jnp.float32), on, on, jnp.int32(0), gram)
    found = strategy.update(seen, strategy.init(tuple("abcdefgh"[: len(jacobian)])))[0]
    assert found.dtype == jnp.float32
    return np.asarray(found, np.float64)


@pytest.fixture(params=[(1.0, 4), (1e3, 3), (1e5, 4)], ids=lambda given: f"{given[0]:g}")
def rows(request, rng):
    return jacobian(rng, *request.param)


def test_equal_projections(rows):
    v = np.linalg.solve(rows @ rows.T, np.linalg.norm(rows, axis=1))
    np.testing.assert_allclose(weights("imtl_g", rows), v / v.sum(), rtol=1e-5)


def test_the_lengths_of_the_report():
    """Orthogonal gradients of lengths 1, 0.65 and 0.001: each counts by the inverse of its length."""
    rows = np.diag([1.0, 0.65, 1e-3])
    inverse = 1 / np.diag(rows)
    np.testing.assert_allclose(weights("imtl_g", rows), inverse / inverse.sum(), rtol=1e-6)


@pytest.mark.parametrize("scale", ["min", "rmse"])
def test_aligned_gradients(rows, scale):
    values, vectors = np.linalg.eigh(rows @ rows.T)
    common = values.min() if scale == "min" else values.mean()
    expected = vectors @ np.diag(np.sqrt(common / values)) @ vectors.T @ np.full(len(rows), 1 / len(rows))
    np.testing.assert_allclose(weights("aligned_mtl", rows, scale=scale), expected, rtol=1e-4)


def test_the_mean_of_eigenvalues_is_over_those_that_are_there(rng):
    """Two parallel gradients and a third: two directions."""
    rows = jacobian(rng, 1.0, 3)
    rows[1] = 2 * rows[0]
    values, vectors = np.linalg.eigh(rows @ rows.T)
    root = np.sqrt(values[1:].mean() / values[1:])
    expected = vectors[:, 1:] @ np.diag(root) @ vectors[:, 1:].T @ np.full(3, 1 / 3)
    np.testing.assert_allclose(weights("aligned_mtl", rows, scale="rmse"), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "options", "power"), [("nash_mtl", {}, 1.0), ("fairgrad", {"alpha": 2.0}, 0.5)]
)
def test_fair_weights(rows, name, options, power):
    """(G w)_k w_k^(1/alpha) is the same for all tasks."""
    w = weights(name, rows, **options)
    assert (w > 0).all()
    product = (rows @ rows.T @ w) * w**power
    np.testing.assert_allclose(product, product[0], rtol=1e-4)


@pytest.mark.parametrize("name", ["nash_mtl", "fairgrad", "imtl_g", "aligned_mtl", "config_mtl"])
def test_opposite_gradients_have_finite_weights(name):
    rows = np.array([[1.0, 0.0], [-1.0, 0.0]])
    found = weights(name, rows)
    assert np.isfinite(found).all() and np.abs(found).max() < 1e5
