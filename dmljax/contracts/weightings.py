"""What every weighting strategy keeps, whatever it needs, under strict promotion.

Tests take a fixture `plugin`, the strategy's module. A strategy may say in `TRAITS`, a set of texts, what it
does by design: 'signed', weights may be negative; 'selective', a task may have no weight for ever; 'ordered',
weights depend on names or order of the tasks, or are drawn at random for each.
"""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dmljax import plugins
from dmljax.types import TASKS
from dmljax.weightings import Signals, Weighting, gram

TRAITS = ("signed", "selective", "ordered")
SHAPES = {"kernel": (4, 3), "bias": (5,)}  # of a small trunk


@pytest.fixture(autouse=True)
def strict_promotion():
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        yield


@cache
def build(plugin):
    """The strategy with its defaults."""
    return plugin.build(**plugins.of_tasks(plugin, plugins.defaults_of("weightings", plugin), TASKS))


def traits(plugin):
    return getattr(plugin, "TRAITS", frozenset())


def test_it_is_a_weighting(plugin):
    strategy = build(plugin)
    assert isinstance(strategy, Weighting), f"build must return a Weighting, got {type(strategy).__name__}"
    assert traits(plugin) <= set(TRAITS), f"TRAITS has {sorted(traits(plugin))}; there are {TRAITS}"


def start(strategy, tasks=TASKS):
    return strategy.init(
        tasks, {key: jax.ShapeDtypeStruct(shape, jnp.float32) for key, shape in SHAPES.items()}
    )


def gradients(rng, count=3, scale=1.0):
    return {
        key: jnp.asarray(scale * rng.standard_normal((count, *shape)), jnp.float32)
        for key, shape in SHAPES.items()
    }


def step(strategy, state, number, losses, jacobian, active=(True, True, True)):
    """What the train step does with a strategy: (weights, state, aux, direction)."""
    return _step(
        strategy, state, jnp.int32(number), jnp.asarray(losses, jnp.float32), jacobian, jnp.asarray(active)
    )


@partial(jax.jit, static_argnums=0)
def _step(strategy, state, number, losses, jacobian, active):
    needs = strategy.needs
    cross = jax.tree.map(lambda g: g * jnp.float32(0.9), jacobian)
    key = jax.random.fold_in(jax.random.key(0), number) if "rng" in needs else None
    seen = Signals(losses, active, jnp.ones(3, bool), number, rng=key)
    if "jacobian" in needs:
        jacobian, state = strategy.transform(jacobian, seen, state)
    seen = seen._replace(
        gram=gram(jacobian) if "gram" in needs else None,
        cross_gram=gram(jacobian, cross) if "cross_gram" in needs else None,
    )
    weights, state, aux = strategy.update(seen, state)
    if "post" in needs:
        state = strategy.post(seen, seen.losses * jnp.float32(0.97), state)
    return weights, state, aux, jax.tree.map(lambda g: jnp.tensordot(weights, g, 1), jacobian)


def run(strategy, losses, state=None, active=(True, True, True), first=0, seed=1, scale=1.0):
    rng = np.random.default_rng(seed)
    state = start(strategy) if state is None else state
    found = []
    for _ in range(first):
        gradients(rng, scale=scale)
    for number, row in enumerate(losses):
        weights, state, aux, direction = step(
            strategy, state, first + number, row, gradients(rng, scale=scale), active
        )
        assert weights.shape == (3,), f"weights must be [K], got {weights.shape}"
        assert weights.dtype == jnp.float32, f"weights must be float32, got {weights.dtype}"
        assert all(jnp.ndim(v) == 0 for v in aux.values()), "aux must hold scalars"
        finite = all(bool(jnp.isfinite(g).all()) for g in jax.tree.leaves(direction))
        assert finite, f"weights {weights} for losses {row}: the weighted gradient is not finite"
        found.append(np.asarray(weights))
    return np.array(found), state


def test_weights_are_finite_and_not_negative(plugin):
    strategy, rng = build(plugin), np.random.default_rng(1)
    for losses in (
        rng.uniform(0.1, 5, (15, 3)),
        np.zeros((15, 3)),
        np.full((15, 3), 1e-12),
        rng.uniform(0, 1e8, (15, 3)),
    ):
        for scale in (1.0, 1e-6, 1e4):
            weights, _ = run(strategy, losses, scale=scale)
            assert np.isfinite(weights).all(), f"weights are not finite for losses like {losses[:2].tolist()}"
            if "signed" not in traits(plugin):
                assert (weights >= 0).all(), "a weight is negative; if by design, say so: TRAITS, 'signed'"
                assert (weights.sum(1) > 0).all(), "all weights are 0 in a step"


@pytest.mark.parametrize(
    "kind", ["a zero row", "all zero", "opposite rows", "equal rows", "three parallel rows", "one huge row"]
)
def test_degenerate_gradients(plugin, kind):
    strategy, jacobian = build(plugin), gradients(np.random.default_rng(2))
    rng = np.random.default_rng(1)
    rows = {"a zero row": [1, 0, 1], "all zero": [0, 0, 0], "one huge row": [1e8, 1, 1]}
    if kind in rows:
        jacobian = jax.tree.map(
            lambda g: g * jnp.asarray(rows[kind], jnp.float32).reshape((3,) + (1,) * (g.ndim - 1)), jacobian
        )
    else:
        factors = {
            "opposite rows": (1, -1, None),
            "equal rows": (1, 1, None),
            "three parallel rows": (1, 2, -0.5),
        }[kind]
        jacobian = jax.tree.map(
            lambda g: jnp.stack([g[2] if f is None else g[0] * jnp.float32(f) for f in factors]), jacobian
        )
    state = start(strategy)
    for number in range(6):
        weights, state, _, direction = step(strategy, state, number, rng.uniform(0.5, 2, 3), jacobian)
        assert np.isfinite(weights).all() and np.abs(weights).max() < (
            1e9 if kind == "one huge row" else 1e7
        ), (kind, weights)
        assert all(bool(jnp.isfinite(g).all()) for g in jax.tree.leaves(direction))


def test_the_state_keeps_its_shape_and_compiles_once(plugin):
    strategy, rng = build(plugin), np.random.default_rng(1)
    traced = []

    @jax.jit
    def compiled(state, number, losses, jacobian):
        traced.append(1)
        return _step(strategy, state, number, losses, jacobian, jnp.ones(3, bool))[:2]

    state = start(strategy)
    shapes = jax.tree.map(lambda x: (jnp.shape(x), jnp.asarray(x).dtype), state)
    for number in range(7):
        _, state = compiled(
            state, jnp.int32(number), jnp.asarray(rng.uniform(0.1, 5, 3), jnp.float32), gradients(rng)
        )
    after = jax.tree.map(lambda x: (jnp.shape(x), jnp.asarray(x).dtype), state)
    assert after == shapes, f"the state of init is {shapes}, and that of update {after}"
    assert len(traced) == 1, f"compiled {len(traced)} times: a dtype or a weak type of the state changes"


def test_stopped_anywhere_it_goes_on_the_same(plugin):
    strategy, losses = build(plugin), np.random.default_rng(1).uniform(0.1, 5, (23, 3))
    whole, end = run(strategy, losses)
    first, state = run(strategy, losses[:13])  # in the middle of DWA's window
    saved = jax.tree.map(
        lambda x: np.frombuffer(np.asarray(x).tobytes(), np.asarray(x).dtype).reshape(np.shape(x)), state
    )
    second, again = run(strategy, losses[13:], jax.tree.map(jnp.asarray, saved), first=13)
    assert np.array_equal(whole, np.concatenate([first, second])), "weights depend on more than the state"
    assert jax.tree.all(jax.tree.map(lambda a, b: bool((a == b).all()), end, again))


def test_inactive_tasks_have_no_weight_and_come_back(plugin):
    strategy, rng = build(plugin), np.random.default_rng(1)
    weights, state = run(strategy, rng.uniform(0.1, 5, (12, 3)), active=(True, False, True))
    assert not weights[:, 1].any(), "an inactive task has a weight"
    back, _ = run(strategy, rng.uniform(0.1, 5, (3, 3)), state, first=12)
    assert np.isfinite(back).all()
    assert "selective" in traits(plugin) or np.abs(back[:, 1]).max() > 0, "a task does not come back"
    if not traits(plugin) & {"signed", "selective"}:
        assert (weights[:, [0, 2]].sum(1) > 0).all()


def test_an_inactive_task_does_not_touch_the_others(plugin):
    """The same weights for the active tasks whatever the inactive one's loss and gradient are."""
    strategy, rng, found = build(plugin), np.random.default_rng(1), []
    losses = rng.uniform(0.1, 5, (8, 3))
    for other in (1.0, 1e3):
        state, inside, rows = start(strategy), np.random.default_rng(4), []
        for number, row in enumerate(losses):
            row = np.where([False, True, False], other, row)
            jacobian = jax.tree.map(lambda g, other=other: g.at[1].multiply(other), gradients(inside))
            weights, state, _, _ = step(strategy, state, number, row, jacobian, (True, False, True))
            rows.append(np.asarray(weights))
        found.append(np.array(rows))
    np.testing.assert_allclose(
        found[0], found[1], 2e-4, 1e-6, err_msg="an inactive task's loss or gradient changes the weights"
    )


def test_no_host_callback(plugin):
    strategy = build(plugin)
    jaxpr = str(
        jax.make_jaxpr(lambda s: step(strategy, s, 0, np.ones(3), gradients(np.random.default_rng(0)))[:2])(
            start(strategy)
        )
    )
    assert "callback" not in jaxpr, "update or transform calls back to Python"


def test_renaming_the_tasks_renames_the_weights(plugin):
    if "ordered" in traits(plugin):
        pytest.skip("weights depend on the order of the tasks by design")
    order = np.array([2, 0, 1])
    strategy, losses, found = build(plugin), np.random.default_rng(1).uniform(0.2, 3, (12, 3)), []
    for turn in (np.arange(3), order):
        state, inside, rows = start(strategy), np.random.default_rng(6), []
        for number, row in enumerate(losses):
            jacobian = jax.tree.map(lambda g, turn=turn: g[turn], gradients(inside))
            weights, state, _, _ = step(strategy, state, number, row[turn], jacobian)
            rows.append(np.asarray(weights))
        found.append(np.array(rows))
    np.testing.assert_allclose(
        found[1],
        found[0][:, order],
        rtol=1e-3,
        atol=1e-5,
        err_msg="weights depend on the order of the tasks; if by design, say so: TRAITS, 'ordered'",
    )
