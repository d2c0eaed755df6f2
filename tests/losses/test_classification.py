import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dmljax.losses.classification import cross_entropy, effective_number, inverse_frequency

LABELS = np.array([0, 3, -1, 2, 2, -1])


def loop(logits, labels, smoothing=0.0, gamma=0.0, weights=None):
    """The definition in float64, a row and a class at a time."""
    found = np.zeros(len(labels))
    for n, label in enumerate(labels):
        if label < 0:
            continue
        powers = np.exp(np.float64(logits[n]))
        for c, probability in enumerate(powers / powers.sum()):
            share = smoothing / len(powers) + (1 - smoothing) * (c == label)
            found[n] -= share * (1 - probability) ** gamma * np.log(probability)
        found[n] *= 1.0 if weights is None else weights[label]
    return found


WEIGHTS = np.array([0.5, 1.0, 2.5, 0.1])
OPTIONS = [
    {},
    {"smoothing": 0.1},
    {"gamma": 2.0},
    {"gamma": 0.5},
    {"weights": WEIGHTS},
    {"smoothing": 0.2, "gamma": 1.5, "weights": WEIGHTS},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_values_and_gradients_against_a_float64_loop(rng, options):
    logits = rng.normal(size=(6, 4)) * 3
    given = options | ({"weights": jnp.float32(WEIGHTS)} if "weights" in options else {})
    loss = lambda x: cross_entropy(x, jnp.int32(LABELS), **given)[0]
    np.testing.assert_allclose(loss(jnp.float32(logits)), loop(logits, LABELS, **options), rtol=2e-5)
    gradient = np.asarray(jax.grad(lambda x: loss(x).sum())(jnp.float32(logits)))
    for n in range(6):
        for c in range(4):
            step = np.zeros_like(logits)
            step[n, c] = 1e-5
            slope = loop(logits + step, LABELS, **options) - loop(logits - step, LABELS, **options)
            assert gradient[n, c] == pytest.approx(slope.sum() / 2e-5, rel=1e-4, abs=2e-6)


def test_missing_labels_are_not_valid_and_pull_nothing(rng):
    logits = jnp.float32(rng.normal(size=(6, 4)))
    options = {"smoothing": 0.3, "gamma": 2.0, "weights": jnp.float32(WEIGHTS)}
    _, valid = cross_entropy(logits, jnp.int32(LABELS), **options)
    assert np.array_equal(valid, LABELS >= 0)
    gradient = jax.grad(lambda x: cross_entropy(x, jnp.int32(LABELS), **options)[0].sum())(logits)
    assert not np.asarray(gradient)[LABELS < 0].any() and np.asarray(gradient)[LABELS >= 0].any(1).all()


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_large_logits_stay_finite(gamma):
    logits = jnp.array([[1e4, -1e4]])
    for label, expected in ((1, 2e4), (0, 0.0)):
        loss = lambda x, label=label: cross_entropy(x, jnp.array([label]), gamma=gamma)[0][0]
        assert float(loss(logits)) == expected
        assert np.isfinite(jax.grad(loss)(logits)).all()


@pytest.mark.parametrize("options", [{"smoothing": 1.0}, {"smoothing": -0.1}, {"gamma": -1.0}])
def test_numbers_out_of_range_are_told(options):
    with pytest.raises(ValueError, match="smoothing must be at least 0 and below 1, gamma at least 0; got"):
        cross_entropy(jnp.zeros((1, 2)), jnp.array([0]), **options)


def test_class_weights_by_numbers_of_samples():
    counts = np.array([10, 1, 0, 4])
    for found, expected in (
        (inverse_frequency(counts), [1 / 10, 1, 0, 1 / 4]),
        (effective_number(counts, beta=0.9), [0.1 / (1 - 0.9**n) if n else 0 for n in counts]),
        (effective_number(counts, beta=0.0), [1, 1, 0, 1]),
        (effective_number(counts, beta=1 - 1e-9), [1 / 10, 1, 0, 1 / 4]),
    ):
        mean = np.dot(expected, counts) / counts.sum()
        np.testing.assert_allclose(found, np.array(expected) / mean, rtol=1e-6)
    with pytest.raises(ValueError, match="not all 0"):
        inverse_frequency([0, 0])
    with pytest.raises(ValueError, match="beta must be"):
        effective_number([1], beta=1.0)


def test_labels_that_are_no_classes():
    with pytest.raises(TypeError, match="^labels must be integers; got float32$"):
        cross_entropy(jnp.zeros((2, 4)), jnp.zeros(2))
    loss, _ = cross_entropy(jnp.zeros((2, 4)), jnp.array([4, 0]))
    assert jnp.isnan(loss[0]) and loss[1] == pytest.approx(np.log(4))
