import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dmljax.losses.classification import cross_entropy


def test_value_gradient_and_missing_labels(rng):
    logits, labels = rng.normal(size=(6, 4)) * 3, np.array([0, 3, -1, 2, 2, -1])
    loss, valid = cross_entropy(jnp.float32(logits), jnp.int32(labels))
    gradient = np.asarray(
        jax.grad(lambda x: cross_entropy(x, jnp.int32(labels))[0].sum())(jnp.float32(logits))
    )
    for k, label in enumerate(labels):
        probability = np.exp(logits[k]) / np.exp(logits[k]).sum()
        assert valid[k] == (label >= 0)
        assert loss[k] == pytest.approx(-np.log(probability[label]) if label >= 0 else 0, rel=1e-5)
        expected = probability - np.eye(4)[label] if label >= 0 else np.zeros(4)
        np.testing.assert_allclose(gradient[k], expected, atol=1e-6)


def test_large_logits_stay_finite():
    loss, _ = cross_entropy(jnp.array([[1e4, -1e4]]), jnp.array([1]))
    assert float(loss[0]) == 2e4
