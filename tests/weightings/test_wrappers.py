"""The wrappers by hand, on a strategy whose answer is known."""

from collections import Counter
from itertools import permutations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dmljax.types import TASKS
from dmljax.weightings import Signals, Weighting, shuffle, wrap
from dmljax.weightings.strategies import mgda

# Answers with the losses that it sees, and counts how often it was asked.
ECHO = Weighting(lambda tasks: jnp.int32(0), lambda s, n: (s.losses, n + jnp.int32(1), {}))


def run(strategy, losses, gram=None, active=(True, True, True)):
    state, found = strategy.init(TASKS), []
    for t, row in enumerate(losses):
        on = jnp.asarray(active if np.ndim(active) == 1 else active[t])
        seen = Signals(
            jnp.float32(row), on, jnp.ones(3, bool), jnp.int32(t), None if gram is None else jnp.float32(gram)
        )
        weights, state, _ = strategy.update(seen, state)
        found.append(np.asarray(weights))
    return np.array(found), state


@pytest.fixture
def losses(rng):
    return rng.uniform(0.5, 2, (9, 3))


def test_without_options_it_is_the_strategy_itself():
    assert wrap(ECHO) is ECHO


def test_window_and_every(losses):
    found, state = run(wrap(ECHO, window=3, every=3), losses)
    for t in range(9):
        asked = t // 3 * 3
        np.testing.assert_allclose(found[t], losses[max(asked - 2, 0) : asked + 1].mean(0), rtol=1e-6)
    assert int(state.inner.inner) == 3


def test_a_change_of_the_active_tasks_asks_at_once(losses):
    active = np.array([[True] * 3] * 4 + [[True, False, True]] * 5)
    found, _ = run(wrap(ECHO, every=6), losses, active=active)
    np.testing.assert_allclose(found[3], losses[0], rtol=1e-6)
    np.testing.assert_allclose(found[4], losses[4], rtol=1e-6)


def test_ema_clip_warmup_and_rescale(losses):
    found, _ = run(wrap(ECHO, ema=0.8), losses)
    w = losses[0]
    for t in range(9):
        w = losses[t] if t == 0 else 0.8 * w + 0.2 * losses[t]
        np.testing.assert_allclose(found[t], w, rtol=1e-5)
    np.testing.assert_allclose(
        run(wrap(ECHO, low=0.8, high=1.2), losses)[0], losses.clip(0.8, 1.2), rtol=1e-6
    )
    found, _ = run(wrap(ECHO, warmup=4), losses)
    assert (found[:4] == 1).all() and np.allclose(found[4:], losses[4:])
    np.testing.assert_allclose(
        run(wrap(ECHO, rescale="sum_1"), losses)[0],
        losses / losses.sum(1, keepdims=True),
        rtol=1e-5,
    )
    found, _ = run(wrap(ECHO, rescale="sum_K"), losses, active=(True, False, True))
    np.testing.assert_allclose(found.sum(1), 2, rtol=1e-5)


def test_log_losses_divide_the_weights(losses):
    found, _ = run(wrap(ECHO, log_losses=True), losses)
    np.testing.assert_allclose(found, np.log(losses) / losses, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("how", ["unit", "loss", "max"])
def test_normalised_gradients(rng, losses, how):
    """MGDA of scaled gradients, taken by hand, and its weights changed back."""
    jacobian = rng.standard_normal((3, 6)) * [[1.0], [4.0], [0.3]]
    n = np.linalg.norm(jacobian, axis=1)
    scale = {"unit": 1 / n, "max": n.max() / n, "loss": 1 / losses[0]}[how]
    inner, _ = run(mgda.build(), losses[:1], (scale[:, None] * jacobian) @ (scale[:, None] * jacobian).T)
    found, _ = run(wrap(mgda.build(), normalise=how), losses[:1], jacobian @ jacobian.T)
    np.testing.assert_allclose(found, inner * scale, rtol=1e-3)


def test_match_equal_gives_the_length_of_equal_weights(rng, losses):
    jacobian = rng.standard_normal((3, 6))
    found, _ = run(wrap(mgda.build(), rescale="match_equal"), losses[:1], jacobian @ jacobian.T)
    assert np.linalg.norm(found[0] @ jacobian) == pytest.approx(np.linalg.norm(jacobian.sum(0)), rel=1e-4)


def test_shuffled_weights_are_dealt_to_the_active_tasks_alone(losses):
    strategy = wrap(ECHO, shuffle=True)
    assert strategy.needs == {"rng"}
    tasks, active = ("a", "b", "c", "d"), jnp.array([True, False, True, True])
    shown, state = jnp.array([0.5, 7.0, 2.0, 3.0]), strategy.init(tasks)
    deal = jax.jit(jax.vmap(lambda key: strategy.update(Signals(shown, active, active, rng=key), state)[0]))
    found = np.asarray(deal(jax.random.split(jax.random.key(3), 600)))
    assert (found[:, 1] == 0).all(), "who is not active got a weight"
    seen = Counter(map(tuple, found[:, [0, 2, 3]].tolist()))
    assert set(seen) == set(permutations([0.5, 2.0, 3.0]))
    assert all(60 < count < 140 for count in seen.values()), "not every deal is as likely as the others"


def test_a_shuffled_strategy_draws_as_it_would_by_itself_and_carries_its_own_weights_on():
    inner = Weighting(
        lambda tasks: jnp.zeros(len(tasks)),
        lambda s, held: ((w := jax.random.uniform(s.rng, (3,)) + held), w, {}),
        frozenset({"rng"}),
    )
    strategy, state, held = shuffle(inner), None, jnp.zeros(3)
    state = strategy.init(TASKS)
    for step in range(5):
        key = jax.random.key(step)
        held = held + jax.random.uniform(jax.random.split(key)[0], (3,))
        weights, state, _ = strategy.update(Signals(jnp.ones(3), rng=key), state)
        np.testing.assert_allclose(np.sort(weights), np.sort(held), rtol=1e-6)
        np.testing.assert_allclose(state.inner, held, rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"window": 0}, "window takes a number of steps of at least 1; got 0"),
        ({"ema": 1.0}, "ema takes a share from 0 to below 1"),
        ({"low": 2.0, "high": 1.0}, "clip takes bounds with 0 <= low < high"),
        ({"normalise": "sum"}, "normalise takes one of unit, loss, max; got 'sum'"),
        ({"rescale": "two"}, "rescale takes one of sum_1, sum_K"),
        ({"normalise": "unit"}, "normalise takes strategies that use a Gram matrix"),
    ],
)
def test_options_out_of_range(options, told):
    with pytest.raises(ValueError, match=told):
        wrap(ECHO, **options)
