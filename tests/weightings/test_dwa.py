import jax.numpy as jnp
import numpy as np
import pytest

from dmljax.types import TASKS
from dmljax.weightings import Signals
from dmljax.weightings.strategies import dwa, fixed


def step(strategy, state, losses, active=(1, 1, 1), valid=(1, 1, 1)):
    return strategy.update(
        Signals(jnp.float32(losses), jnp.array(active, bool), jnp.array(valid, bool), jnp.int32(0)), state
    )


def run(strategy, losses, state=None, **masks):
    state = strategy.init(TASKS) if state is None else state
    weights, aux = [], {}
    for row in losses:
        w, state, aux = step(strategy, state, row, **masks)
        weights.append(np.asarray(w))
    return np.array(weights), state, aux


def loop(losses, window, mode, total=2.0, temperature=2.0):
    """Eq. 8 in float64: the weights of every step, from the losses before it."""
    weights = []
    for t in range(len(losses)):
        seen = t if mode == "sliding" else t // window * window
        if seen < 2 * window:
            weights.append(np.full(3, total / 3))
            continue
        before, last = losses[seen - 2 * window : seen - window].mean(0), losses[seen - window : seen].mean(0)
        exponential = np.exp(last / before / temperature)
        weights.append(total * exponential / exponential.sum())
    return np.array(weights)


@pytest.mark.parametrize("mode", dwa.MODES)
@pytest.mark.parametrize("literal", [False, True])
def test_against_eq_8(rng, mode, literal):
    losses = rng.uniform(0.5, 2.0, (43, 3)) * [1.0, 10.0, 0.1]
    found, _, aux = run(dwa.build(mode=mode, literal=literal, epsilon=0.0), losses)
    np.testing.assert_allclose(found, loop(losses, 5, mode), rtol=1e-5)
    assert aux["guard_hits"] == 0


def test_a_pose_loss_that_falls_to_a_fifth():
    losses = [[1, 5, 1]] * 5 + [[1, 1, 1]] * 5
    found, _, _ = run(dwa.build(epsilon=0.0), [*losses, [1, 1, 1]])
    e = np.exp([0.5, 0.1, 0.5])
    np.testing.assert_allclose(found[-1], 2 * e / e.sum(), rtol=1e-6)
    np.testing.assert_allclose(found[9], 2 / 3, rtol=1e-6)


def test_the_guard_where_the_formula_fails():
    losses = [[1, 0, 1e-7]] * 5 + [[1, 1, 1e-3]] * 5 + [[1, 1, 1]]
    literal, _, _ = run(dwa.build(literal=True), losses)  # ratios 1, infinity, 10000
    np.testing.assert_allclose(literal[-1], [0, 2, 0], atol=1e-6)
    two = [[1, 0, 0]] * 5 + [[1, 1, 0]] * 5 + [[1, 0, 1]] * 5 + [[1, 1, 1]]
    literal, _, _ = run(dwa.build(literal=True), two)
    np.testing.assert_allclose(literal[10], [0, 2, 0], atol=1e-6)  # 0 after 0 is a ratio of 1
    np.testing.assert_allclose(literal[15], [0, 0, 2], atol=1e-6)
    guarded, _, aux = run(dwa.build(), losses)
    assert np.isfinite(guarded).all() and aux["guard_hits"] == 2
    e = np.exp([0.5, 2.0, 2.0])
    np.testing.assert_allclose(guarded[-1], 2 * e / e.sum(), rtol=1e-3)


def test_a_negative_loss_gets_no_feedback():
    found, _, aux = run(dwa.build(), [[1, 1, -3]] * 5 + [[1, 1, -6]] * 5 + [[1, 1, 1]])
    np.testing.assert_allclose(found[-1], 2 / 3, rtol=1e-6)
    assert aux["guard_hits"] == 1


def test_a_task_that_comes_back_starts_its_windows_anew(rng):
    strategy = dwa.build()
    _, state, _ = run(strategy, rng.uniform(0.5, 2, (20, 3)))
    away, state, _ = run(strategy, rng.uniform(0.5, 2, (12, 3)), state, active=(1, 0, 1))
    np.testing.assert_allclose(away.sum(1), 2 * 2 / 3, rtol=1e-6)
    back, _, _ = run(strategy, rng.uniform(0.5, 2, (11, 3)), state)
    np.testing.assert_allclose(back[:10], 2 / 3, rtol=1e-6)
    assert np.abs(back[10] - 2 / 3).max() > 1e-3


def test_a_window_without_valid_samples_holds_the_weights():
    strategy = dwa.build(epsilon=0.0)
    _, state, _ = run(strategy, [[1, 2, 1]] * 5 + [[1, 1, 1]] * 5)
    held, state, _ = run(strategy, [[1, 0, 1]] * 6, state, valid=(1, 0, 1))
    e = np.exp([0.5, 0.25, 0.5])
    np.testing.assert_allclose(held[-1], 2 * e / e.sum(), rtol=1e-6)


@pytest.mark.parametrize(
    "field", [{"mode": "step"}, {"total": 0.0}, {"temperature": -1.0}, {"window": 0}, {"largest": 1.0}]
)
def test_fields_out_of_range(field):
    with pytest.raises(ValueError, match=f"^{next(iter(field))} must be"):
        dwa.build(**field)


def test_fixed_weights_by_name():
    strategy = fixed.build(expression=1.0, triplet=0.5)
    weights, _, _ = step(strategy, strategy.init(("expression", "triplet")), [1, 1], (1, 1), (1, 1))
    assert weights.tolist() == [1.0, 0.5]
    for bad in ({"expression": -1.0}, {"expression": 0.0}, {"expression": float("nan")}):
        with pytest.raises(ValueError, match="non-negative"):
            fixed.build(**bad)
