"""Optimizer, phases, durations, moving average: the small parts of training."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from dmljax import durations
from dmljax.training import optimizer, phases, state
from dmljax.types import UserError

pytestmark = pytest.mark.usefixtures("standard_promotion")

PARAMS = {
    "trunk": {"w": jnp.arange(6.0).reshape(2, 3), "b": jnp.ones(3)},
    "pose_head": {"w": -jnp.ones((3, 2))},
}
ON = {"trunk": jnp.bool_(True), "pose_head": jnp.bool_(True)}


def gradients(rng):
    return jax.tree.map(lambda p: jnp.float32(rng.normal(size=p.shape)), PARAMS)


def test_it_is_adam_with_staircase_decay(rng):
    made = optimizer.build(learning_rate=0.1, decay=0.5, decay_steps=3)
    reference = optax.adam(optax.exponential_decay(0.1, 3, 0.5, staircase=True))
    ours, theirs = (PARAMS, made.init(PARAMS)), (PARAMS, reference.init(PARAMS))
    for step in range(8):
        g = gradients(rng)
        params, held, norm = made.update(g, ours[1], ours[0], jnp.int32(step), ON)
        ours = params, held
        updates, moments = reference.update(g, theirs[1], theirs[0])
        theirs = optax.apply_updates(theirs[0], updates), moments
        assert norm == pytest.approx(float(jnp.sqrt(sum((x**2).sum() for x in jax.tree.leaves(g)))), rel=1e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-6), ours[0], theirs[0])
    assert [float(made.rate(jnp.int32(s))) for s in (0, 2, 3, 6)] == pytest.approx([0.1, 0.1, 0.05, 0.025])


def by_hand(made, gradients, state, params, step, trainable, weight_decay):
    """The update as it was before there was a choice of optimizers; a run that goes on keeps its bits."""
    adam, new = optax.scale_by_adam(b1=0.9, b2=0.999, eps=1e-8), ({}, {})
    for group, on in trainable.items():
        seen = jax.tree.map(lambda x, on=on: jnp.where(on, x, 0.0), gradients[group])
        direction, moments = adam.update(seen, state[group])
        moved = jax.tree.map(
            lambda p, d: p - made.rate(step) * (d + (weight_decay * p if p.ndim > 1 else 0.0)),
            params[group],
            direction,
        )
        for tree, found, before in zip(new, (moved, moments), (params, state)):
            tree[group] = jax.tree.map(lambda a, b, on=on: jnp.where(on, a, b), found, before[group])
    return new


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_the_default_keeps_its_bits(rng, weight_decay):
    made = optimizer.build(learning_rate=2e-3, warmup_steps=4, decay_steps=3, weight_decay=weight_decay)
    before = jax.jit(lambda *given: by_hand(made, *given, weight_decay))
    now = jax.jit(made.update)
    ours, theirs = (PARAMS, made.init(PARAMS)), (PARAMS, made.init(PARAMS))
    for step in range(7):
        given = gradients(rng), jnp.int32(step), ON | {"pose_head": jnp.bool_(step > 2)}
        ours = now(given[0], ours[1], ours[0], *given[1:])[:2]
        theirs = before(given[0], theirs[1], theirs[0], *given[1:])
    jax.tree.map(np.testing.assert_array_equal, ours, theirs)


def test_warm_up_clipping_and_weight_decay(rng):
    made = optimizer.build(learning_rate=0.1, warmup_steps=4, clip=0.5, weight_decay=0.2)
    assert [float(made.rate(jnp.int32(s))) for s in range(5)] == pytest.approx([0.025, 0.05, 0.075, 0.1, 0.1])
    zero = jax.tree.map(jnp.zeros_like, PARAMS)
    params, _, _ = made.update(zero, made.init(PARAMS), PARAMS, jnp.int32(9), ON)
    np.testing.assert_allclose(params["trunk"]["w"], PARAMS["trunk"]["w"] * (1 - 0.1 * 0.2), rtol=1e-6)
    np.testing.assert_array_equal(params["trunk"]["b"], PARAMS["trunk"]["b"])
    g = gradients(rng)
    _, clipped, norm = made.update(g, made.init(PARAMS), PARAMS, jnp.int32(9), ON)
    expected = 0.1 * np.asarray(g["trunk"]["w"]) * min(1, 0.5 / float(norm))
    np.testing.assert_allclose(clipped["trunk"].mu["w"], expected, rtol=1e-5)


def test_a_frozen_group_neither_moves_nor_ages(rng):
    made = optimizer.build(weight_decay=0.1)
    held = made.init(PARAMS)
    params, after, norm = made.update(
        gradients(rng), held, PARAMS, jnp.int32(0), ON | {"pose_head": jnp.bool_(False)}
    )
    assert (
        np.array_equal(params["pose_head"]["w"], PARAMS["pose_head"]["w"])
        and int(after["pose_head"].count) == 0
    )
    assert not np.array_equal(params["trunk"]["w"], PARAMS["trunk"]["w"])


@pytest.mark.parametrize(
    "field", [{"learning_rate": 0.0}, {"clip": -1.0}, {"decay_steps": 0}, {"warmup_steps": -1}]
)
def test_optimizer_fields_out_of_range(field):
    with pytest.raises(UserError, match=f"{next(iter(field))}"):
        optimizer.build(**field)


def active(step, tasks=("expression", "pose", "triplet"), first=6, lead=0):
    starts = {"pose": first, "triplet": lead}
    options = {"turns": ("expression", "triplet"), "turns_until": first, "turn_steps": 2}
    return phases.active(jnp.int32(step), tasks, starts=starts, **options).tolist()


def test_the_first_phase_takes_turns_and_freezes_pose():
    turn, metric, everything = [True, False, False], [False, False, True], [True, True, True]
    assert [active(s) for s in range(8)] == [turn, turn, metric, metric, turn, turn, everything, everything]
    assert active(0, first=0) == everything


def test_without_a_partner_nobody_waits():
    assert [active(s, ("expression", "pose")) for s in (0, 2, 6)] == [
        [True, False],
        [True, False],
        [True, True],
    ]


def test_the_heads_may_have_a_lead():
    found = [active(s, first=0, lead=2) for s in range(4)]
    assert found == [[True, True, False]] * 2 + [[True, True, True]] * 2
    assert active(2, lead=4) == [True, False, False]  # no turn for what has not begun


def test_a_head_trains_with_its_task():
    flags = phases.trainable(
        jnp.array([True, False]),
        ("expression", "pose"),
        ("trunk", "expression_head", "pose_head"),
        {"expression_head": "expression", "pose_head": "pose"},
    )
    assert {k: bool(v) for k, v in flags.items()} == {
        "trunk": True,
        "expression_head": True,
        "pose_head": False,
    }


@pytest.mark.parametrize(
    ("text", "steps"), [("100 steps", 100), ("1 step", 1), ("2.5 epochs", 20), ("10%", 40), (" 3epochs ", 24)]
)
def test_durations(text, steps):
    assert durations.steps(text, field="x", epoch=8, whole=400) == steps


@pytest.mark.parametrize("text", ["", "10", "ten steps", "-1 epochs", "5 minutes"])
def test_what_is_no_duration_names_the_field(text):
    with pytest.raises(UserError, match="train.save_every must be a duration such as"):
        durations.steps(text, field="train.save_every", epoch=8, whole=400)


def test_the_moving_average():
    assert float(state.ema_decay(jnp.int32(0), 0.9999, True)) == pytest.approx(0.1)
    assert float(state.ema_decay(jnp.int32(90), 0.9999, True)) == pytest.approx(0.91)
    assert float(state.ema_decay(jnp.int32(0), 0.99, False)) == pytest.approx(0.99)
    moved = state.move({"a": jnp.array([1.0, 2.0])}, {"a": jnp.array([3.0, 0.0])}, jnp.float32(0.75))
    assert moved["a"].tolist() == [1.5, 1.5]
