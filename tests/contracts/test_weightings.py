"""What every weighting strategy keeps, whatever it needs, under strict promotion."""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dmljax import plugins
from dmljax.types import TASKS
from dmljax.weightings import Signals, gram, wrap

NAMES = plugins.names("weightings")
SIGNED = {"imtl_g", "config_mtl", "gradvac", "aligned_mtl"}  # may turn a gradient back
ALONE = {"single"}  # leaves tasks out by design
SHAPES = {"kernel": (4, 3), "bias": (5,)}  # of a small trunk


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


@cache
def build(name):
    plugin = plugins.load("weightings", name)
    return plugin.build(**plugin.default_config())


def start(strategy, tasks=TASKS):
    shapes = {key: jax.ShapeDtypeStruct(shape, jnp.float32) for key, shape in SHAPES.items()}
    return strategy.init(tasks, *([shapes] if "jacobian" in strategy.needs else []))


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
        assert (
            weights.shape == (3,)
            and weights.dtype == jnp.float32
            and all(jnp.ndim(v) == 0 for v in aux.values())
        )
        assert all(bool(jnp.isfinite(g).all()) for g in jax.tree.leaves(direction))
        found.append(np.asarray(weights))
    return np.array(found), state


def test_weights_are_finite_and_not_negative(name, rng):
    strategy = build(name)
    for losses in (
        rng.uniform(0.1, 5, (15, 3)),
        np.zeros((15, 3)),
        np.full((15, 3), 1e-12),
        rng.uniform(0, 1e8, (15, 3)),
    ):
        for scale in (1.0, 1e-6, 1e4):
            weights, _ = run(strategy, losses, scale=scale)
            assert np.isfinite(weights).all()
            assert name in SIGNED or ((weights >= 0).all() and (weights.sum(1) > 0).all())


@pytest.mark.parametrize(
    "kind", ["a zero row", "all zero", "opposite rows", "equal rows", "three parallel rows", "one huge row"]
)
def test_degenerate_gradients(name, kind, rng):
    strategy, jacobian = build(name), gradients(np.random.default_rng(2))
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


def test_the_state_keeps_its_shape_and_compiles_once(name, rng):
    strategy = build(name)
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
    assert jax.tree.map(lambda x: (jnp.shape(x), jnp.asarray(x).dtype), state) == shapes and len(traced) == 1


def test_stopped_anywhere_it_goes_on_the_same(name, rng):
    strategy, losses = build(name), rng.uniform(0.1, 5, (23, 3))
    whole, end = run(strategy, losses)
    first, state = run(strategy, losses[:13])  # in the middle of DWA's window
    saved = jax.tree.map(
        lambda x: np.frombuffer(np.asarray(x).tobytes(), np.asarray(x).dtype).reshape(np.shape(x)), state
    )
    second, again = run(strategy, losses[13:], jax.tree.map(jnp.asarray, saved), first=13)
    assert np.array_equal(whole, np.concatenate([first, second]))
    assert jax.tree.all(jax.tree.map(lambda a, b: bool((a == b).all()), end, again))


def test_inactive_tasks_have_no_weight_and_come_back(name, rng):
    strategy = build(name)
    weights, state = run(strategy, rng.uniform(0.1, 5, (12, 3)), active=(True, False, True))
    assert not weights[:, 1].any()
    back, _ = run(strategy, rng.uniform(0.1, 5, (3, 3)), state, first=12)
    assert np.isfinite(back).all() and (name in ALONE or np.abs(back[:, 1]).max() > 0)
    if name not in SIGNED | ALONE:
        assert (weights[:, [0, 2]].sum(1) > 0).all()


def test_an_inactive_task_does_not_touch_the_others(name, rng):
    """The same weights for the active tasks whatever the inactive one's loss and gradient are."""
    strategy, found = build(name), []
    losses = rng.uniform(0.1, 5, (8, 3))
    for other in (1.0, 1e3):
        state, inside, rows = start(strategy), np.random.default_rng(4), []
        for number, row in enumerate(losses):
            row = np.where([False, True, False], other, row)
            jacobian = jax.tree.map(lambda g, other=other: g.at[1].multiply(other), gradients(inside))
            weights, state, _, _ = step(strategy, state, number, row, jacobian, (True, False, True))
            rows.append(np.asarray(weights))
        found.append(np.array(rows))
    np.testing.assert_allclose(found[0], found[1], rtol=2e-4, atol=1e-6)


def test_no_host_callback(name):
    strategy = build(name)
    jaxpr = str(
        jax.make_jaxpr(lambda s: step(strategy, s, 0, np.ones(3), gradients(np.random.default_rng(0)))[:2])(
            start(strategy)
        )
    )
    assert "callback" not in jaxpr


@pytest.mark.parametrize(
    "name", sorted(set(NAMES) - {"pcgrad", "gradvac", "rlw", "graddrop", "fixed", "single"})
)
def test_renaming_the_tasks_renames_the_weights(name, rng):
    order = np.array([2, 0, 1])
    strategy, losses = build(name), rng.uniform(0.2, 3, (12, 3))
    found = []
    for turn in (np.arange(3), order):
        state, inside, rows = start(strategy), np.random.default_rng(6), []
        for number, row in enumerate(losses):
            jacobian = jax.tree.map(lambda g, turn=turn: g[turn], gradients(inside))
            weights, state, _, _ = step(strategy, state, number, row[turn], jacobian)
            rows.append(np.asarray(weights))
        found.append(np.array(rows))
    np.testing.assert_allclose(found[1], found[0][:, order], rtol=1e-3, atol=1e-5)


WRAPPED = [
    {"log_losses": True},
    {"normalise": "unit"},
    {"normalise": "loss"},
    {"normalise": "max"},
    {"window": 3},
    {"every": 3},
    {"warmup": 4},
    {"ema": 0.9},
    {"low": 0.1, "high": 1.5},
    {"rescale": "sum_1"},
    {"rescale": "sum_K"},
    {"rescale": "match_equal"},
    {"window": 5, "every": 5},
]


@pytest.mark.parametrize("options", WRAPPED, ids=str)
@pytest.mark.parametrize("name", ["equal", "dwa", "mgda", "gradnorm", "relobralo"])
def test_wrapped_strategies_keep_the_contract(name, options, rng):
    if "normalise" in options and name not in ("mgda", "gradnorm"):
        pytest.skip("normalise changes a Gram matrix")
    strategy = wrap(build(name), **options)
    weights, _ = run(strategy, rng.uniform(0.1, 5, (12, 3)), active=(True, False, True))
    assert np.isfinite(weights).all() and not weights[:, 1].any() and (weights[:, [0, 2]].sum(1) > 0).all()
    state = start(strategy)
    _, after, _, _ = step(strategy, state, 0, np.ones(3), gradients(rng))
    assert jax.tree.map(jnp.shape, state) == jax.tree.map(jnp.shape, after)
