"""Losses of angles against loops in float64, and what is not known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dmljax.losses import angle_difference, binned_angles, huber_angles

NAN = np.nan
TRUE = np.array([[80.0, -5.0, NAN], [-170.0, 3.0, 20.0], [NAN, NAN, NAN], [10.0, 14.9, -99.0]])
PREDICTED = np.array([[20.0, -9.0, 3.0], [175.0, 3.5, -20.0], [1.0, 2.0, 3.0], [11.0, -14.0, -60.0]])
WIDTH, BINS = 15.0, 14  # to 105 degrees: -170 lies beyond


def between(one, other):
    """one - other, turned until it is above -180 and at most 180."""
    found = one - other
    while found <= -180:
        found += 360
    while found > 180:
        found -= 360
    return found


def huber(predicted, delta):
    found = np.zeros(TRUE.shape)
    for n, a in np.ndindex(TRUE.shape):
        if TRUE[n, a] == TRUE[n, a]:
            size = abs(between(predicted[n, a], TRUE[n, a])) / delta
            found[n, a] = size**2 / 2 if size <= 1 else size - 0.5
    return found


def binned(logits, alpha):
    """The cross-entropy, and the squared error of the mean over the bins' middles."""
    found = np.zeros(TRUE.shape)
    for n, a in np.ndindex(TRUE.shape):
        for b in range(BINS):
            low = (b - BINS / 2) * WIDTH
            if low <= TRUE[n, a] < low + WIDTH:
                share = np.exp(logits[n, a]) / np.exp(logits[n, a]).sum()
                mean = sum(share[c] * ((c - BINS / 2) * WIDTH + WIDTH / 2) for c in range(BINS))
                found[n, a] = -np.log(share[b]) + alpha * between(mean, TRUE[n, a]) ** 2
    return found


def mean_of(logits):
    middles = jnp.asarray((np.arange(BINS) - (BINS - 1) / 2) * WIDTH, jnp.float32)
    return (jax.nn.softmax(logits) * middles[None, None]).sum(-1)


def slopes(loop, at):
    """Central differences of the sum of a loop's losses."""
    found = np.zeros(at.shape)
    for place in np.ndindex(at.shape):
        step = np.zeros(at.shape)
        step[place] = 1e-5
        found[place] = (loop(at + step) - loop(at - step)).sum() / 2e-5
    return found


@pytest.mark.parametrize("delta", [1.0, 10.0, 50.0])
def test_hubers_loss_and_its_gradient_against_a_float64_loop(delta):
    given, true = jnp.float32(PREDICTED), jnp.float32(TRUE)
    loss, valid = huber_angles(given, true, delta=delta)
    np.testing.assert_allclose(loss, huber(PREDICTED, delta), rtol=1e-5)
    assert np.array_equal(valid, ~np.isnan(TRUE))
    gradient = jax.grad(lambda x: huber_angles(x, true, delta=delta)[0].sum())(given)
    np.testing.assert_allclose(gradient, slopes(lambda x: huber(x, delta), PREDICTED), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("alpha", [0.0, 0.01, 1.0])
def test_bins_and_their_gradient_against_a_float64_loop(rng, alpha):
    logits, true = 2 * rng.normal(size=(*TRUE.shape, BINS)), jnp.float32(TRUE)

    def losses(x):
        return binned_angles(x, mean_of(x), true, width=WIDTH, alpha=alpha)

    loss, valid = losses(jnp.float32(logits))
    np.testing.assert_allclose(loss, binned(logits, alpha), rtol=2e-5)
    assert np.array_equal(valid, np.abs(TRUE) <= WIDTH * BINS / 2) and valid.sum() == 7
    gradient = jax.grad(lambda x: losses(x)[0].sum())(jnp.float32(logits))
    np.testing.assert_allclose(
        gradient, slopes(lambda x: binned(x, alpha), logits), rtol=1e-3, atol=3e-5 * (1 + 300 * alpha)
    )


def test_what_is_not_known_pulls_nothing_and_is_no_nan():
    true = jnp.full((2, 3), jnp.nan)
    nowhere = jnp.float32([[1.0, jnp.nan, 2.0], [0.0, 0.0, 0.0]])  # of an angle that a network does not tell
    loss, valid = huber_angles(nowhere, true)
    gradient = jax.grad(lambda x: huber_angles(x, true)[0].sum())(nowhere)
    assert not valid.any() and not np.asarray(loss).any() and not np.asarray(gradient).any()
    logits = jnp.ones((2, 3, 4))
    loss, valid = binned_angles(logits, nowhere, true)
    gradient = jax.grad(lambda x: binned_angles(x, nowhere, true)[0].sum())(logits)
    assert not valid.any() and not np.asarray(loss).any() and not np.asarray(gradient).any()


def test_the_last_bin_has_its_outer_edge():
    logits = jnp.zeros((1, 2, 4)).at[0, :, 3].set(50.0).at[0, 1, 0].set(100.0)
    loss, valid = binned_angles(logits, jnp.zeros((1, 2)), jnp.array([[6.0, -6.0]]), width=3.0, alpha=0.0)
    np.testing.assert_allclose(loss, [[0.0, 0.0]], atol=1e-6)
    assert valid.all()


def test_differences_go_round_the_circle(rng):
    one, other = rng.uniform(-720, 720, (2, 200))
    found = np.asarray(angle_difference(jnp.float32(one), jnp.float32(other)))
    np.testing.assert_allclose(found, [between(a, b) for a, b in zip(one, other)], atol=1e-3)
    ends = angle_difference(jnp.array([180.0, -180.0, 540.0]), jnp.zeros(3))
    assert ends.tolist() == [180.0, 180.0, 180.0]


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: huber_angles(jnp.zeros((2, 3)), jnp.zeros((2, 2))), r"angles must be \[N, A\], N = 2"),
        (
            lambda: huber_angles(jnp.zeros((2, 3)), jnp.zeros((2, 3)), delta=0.0),
            "delta must be above 0; got 0",
        ),
        (
            lambda: binned_angles(jnp.zeros((2, 3)), jnp.zeros((2, 3)), jnp.zeros((2, 3))),
            r"logits must be \[N, A, B\]",
        ),
        (
            lambda: binned_angles(jnp.zeros((2, 3, 4)), jnp.zeros((2, 3)), jnp.zeros((2, 3)), alpha=-1.0),
            "alpha at least 0; got 3.0 and -1.0",
        ),
    ],
)
def test_bad_input_is_told(call, told):
    with pytest.raises(ValueError, match=told):
        call()
