"""`value_and_grad` on problems without faces: against loops in float64, over devices, in every form of
losses.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import AxisType, PartitionSpec

from dmljax import weightings
from dmljax.weightings import Losses, Signals, Weighting, value_and_grad

RATE, STEPS, ROWS = 0.05, 14, 8
TASKS = ("depth", "normals")


@pytest.fixture
def problem():
    """Inputs [8, 5], targets [8, 2], and the parameters of a trunk [5, 4] and two heads [4]."""
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((ROWS, 5)), rng.standard_normal((ROWS, 2)) * [1.0, 2.0] + 0.3
    params = {name: rng.standard_normal(shape) for name, shape in (("trunk", (5, 4)), ("d", 4), ("n", 4))}
    return x, y, params


def losses_fn(params, batch):
    x, y = batch
    z = jnp.tanh(x @ params["trunk"])
    return {
        "depth": ((z @ params["d"] - y[:, 0]) ** 2).mean(),
        "normals": ((z @ params["n"] - y[:, 1]) ** 2).mean(),
    }


def by_hand(params, batch):
    """Losses [2], gradients on the trunk [2, 20], and of each task's head, by the chain rule in float64."""
    x, y = batch
    z = np.tanh(x @ params["trunk"])
    losses, trunk, heads = [], [], []
    for k, name in enumerate(("d", "n")):
        error = z @ params[name] - y[:, k]
        losses.append((error**2).mean())
        heads.append(2 * z.T @ error / len(x))
        trunk.append((x.T @ (2 * np.outer(error, params[name]) * (1 - z**2)) / len(x)).ravel())
    return np.array(losses), np.array(trunk), heads


def loop(problem, weigh):
    """Gradient descent in which `weigh(losses, Jacobian, step)` gives (Jacobian, weights); params and
    weights.
    """
    x, y, params = problem
    params, found = {k: v.copy() for k, v in params.items()}, []
    for t in range(STEPS):
        losses, jacobian, heads = by_hand(params, (x, y))
        changed, w, after = weigh(losses, jacobian, t)
        params["trunk"] -= RATE * (w @ changed).reshape(5, 4)
        params["d"] -= RATE * w[0] * heads[0]
        params["n"] -= RATE * w[1] * heads[1]
        found.append(w)
        if after is not None:
            after(by_hand(params, (x, y))[0])
    return params, np.array(found)


def dwa(window=5, total=2.0, temperature=2.0):
    history, ratio = [], np.ones(2)

    def weigh(losses, jacobian, t):
        nonlocal ratio
        history.append(losses)
        seen = np.array(history)
        if len(seen) >= 2 * window and len(seen) % window == 0:
            scale, mean = 0.0, seen[-2 * window :].reshape(2, window, 2).mean(1)
            for row in seen:  # the running mean that keeps the guard's small number in proportion
                scale = np.abs(row) if np.all(scale == 0) else 0.9 * scale + 0.1 * np.abs(row)
            ratio = np.minimum((mean[1] + 1e-3 * scale) / (mean[0] + 1e-3 * scale), 4.0)
        return jacobian, current, None

    def at(losses, jacobian, t):
        nonlocal current
        powers = np.exp(ratio / temperature)
        current = total * powers / powers.sum() if len(history) >= 2 * window else np.full(2, total / 2)
        return weigh(losses, jacobian, t)

    current = np.full(2, total / 2)
    return at


def famo(rate=0.025, decay=1e-3, epsilon=1e-8):
    x, first, second, count = np.zeros(2), np.zeros(2), np.zeros(2), 0

    def weigh(losses, jacobian, t):
        z = np.exp(x) / np.exp(x).sum()
        raw = z / (losses + epsilon)

        def after(then):
            nonlocal x, first, second, count
            fall = np.log(losses + epsilon) - np.log(then + epsilon)
            gradient = (np.diag(z) - np.outer(z, z)) @ fall + decay * x
            count += 1
            first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
            x = x - rate * first / (1 - 0.9**count) / (np.sqrt(second / (1 - 0.999**count)) + 1e-8)

        return jacobian, raw / raw.sum(), after

    return weigh


def upgrad(epsilon=1e-4):
    def weigh(losses, jacobian, t):
        gram = jacobian @ jacobian.T
        gram = gram / np.trace(gram) * 2 / 2 + epsilon * np.eye(2)
        w = np.zeros(2)
        for k in range(2):
            bound = np.eye(2)[k] / 2
            best = None
            for free in ((), (0,), (1,), (0, 1)):
                v = bound.copy()
                held = [i for i in range(2) if i not in free]
                if free:
                    rest = -gram[np.ix_(free, held)] @ bound[held] if held else np.zeros(len(free))
                    v[list(free)] = np.linalg.solve(gram[np.ix_(free, free)], rest)
                if (v >= bound - 1e-12).all() and (best is None or v @ gram @ v < best @ gram @ best):
                    best = v
            w += best
        return jacobian, w, None

    return weigh


def db_mtl(beta=0.9):
    y = None

    def weigh(losses, jacobian, t):
        nonlocal y
        gradient = jacobian / losses[:, None]
        y = gradient if y is None else beta * y + (1 - beta) * gradient
        lengths = np.linalg.norm(y, axis=1)
        return y, lengths.max() / lengths, None

    return weigh


def nash_mtl():
    def weigh(losses, jacobian, t):
        gram = jacobian @ jacobian.T
        gram = gram / (np.trace(gram) / 2)
        w = np.diag(gram) ** -0.5
        for _ in range(200):  # damped Newton steps on w^T G w / 2 - sum log w
            step = np.linalg.solve(gram + np.diag(w**-2), gram @ w - 1 / w)
            size = 1.0
            while (w - size * step <= 0).any():
                size /= 2
            w = w - size * step
        assert np.allclose(gram @ w, 1 / w)
        return jacobian, w, None

    return weigh


REFERENCES = {"dwa": dwa, "famo": famo, "upgrad": upgrad, "db_mtl": db_mtl, "nash_mtl": nash_mtl}


@pytest.mark.parametrize("name", REFERENCES)
def test_the_loop_of_five_lines_against_float64(name, problem):
    """The parameters after 14 steps of gradient descent, and every step's weights."""
    x, y, start = problem
    expected, weights = loop(problem, REFERENCES[name]())
    params, batch = jax.tree.map(jnp.float32, start), (jnp.float32(x), jnp.float32(y))
    strategy = getattr(weightings, name)()
    f = value_and_grad(losses_fn, strategy, shared="trunk")
    state, found = strategy.init(TASKS, f.shared(params)), []

    @jax.jit
    def step(params, state):
        (_, weights, _), gradients, state = f(params, state, batch)
        params = jax.tree.map(lambda p, g: p - jnp.float32(RATE) * g, params, gradients)
        return params, f.post(params, state, batch), weights

    for _ in range(STEPS):
        params, state, w = step(params, state)
        found.append([float(w[task]) for task in TASKS])
    np.testing.assert_allclose(found, weights, rtol=2e-3, atol=1e-4)
    if name == "db_mtl":  # outside the trunk its weights apply to the raw gradients, as in the reference
        assert np.ptp(found, axis=0).max() > 0.1
    for key, value in expected.items():
        np.testing.assert_allclose(params[key], value, rtol=2e-3, atol=1e-4)


def mesh():
    return jax.make_mesh((4,), ("data",), axis_types=(AxisType.Auto,))


def over_pmap(f, params, state, batch, key):
    split = jax.tree.map(lambda x: x.reshape(4, -1, *x.shape[1:]), batch)
    step = jax.pmap(lambda p, s, b: f(p, s, b, rng=key)[1:], axis_name="data", in_axes=(None, None, 0))
    return jax.tree.map(lambda x: x[0], step(params, state, split))


def over_shard_map(f, params, state, batch, key, *, check):
    everywhere, rows = PartitionSpec(), PartitionSpec("data")
    step = jax.shard_map(
        lambda p, s, b: f(p, s, b, rng=key)[1:],
        mesh=mesh(),
        in_specs=(everywhere, everywhere, rows),
        out_specs=everywhere,
        check_vma=check,
    )
    return jax.jit(step)(params, state, batch)


WAYS = {
    "pmap": over_pmap,
    "shard_map": partial(over_shard_map, check=True),
    "shard_map, unchecked": partial(over_shard_map, check=False),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["dwa", "upgrad", "db_mtl", "pcgrad", "famo"])
def test_four_devices_give_what_one_gives(name, way, problem):
    x, y, start = problem
    params, batch, key = jax.tree.map(jnp.float32, start), (jnp.float32(x), jnp.float32(y)), jax.random.key(1)
    strategy = getattr(weightings, name)()
    one = value_and_grad(losses_fn, strategy, shared="trunk")
    state = strategy.init(TASKS, one.shared(params))
    expected = jax.jit(lambda p, s, b: one(p, s, b, rng=key)[1:])(params, state, batch)
    many = value_and_grad(losses_fn, strategy, shared="trunk", axis_name="data")
    found = WAYS[way](many, params, state, batch, key)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6), found, expected)


def test_a_representation_gives_the_gram_matrix_of_the_gradients_on_it(problem):
    x, y, start = problem
    params, seen = jax.tree.map(jnp.float32, start), []

    def encode(params, batch):
        return jnp.tanh(batch[0] @ params["trunk"])

    def losses_at(params, batch, offset):
        z = encode(params, batch) + offset
        return [((z @ params[name] - batch[1][:, k]) ** 2).mean() for k, name in enumerate("dn")]

    def update(signals, state):
        seen.append(signals.gram)
        return jnp.array([0.3, 2.0]), state, {}

    watch = Weighting(lambda tasks: (), update, frozenset({"gram"}))
    f = value_and_grad(losses_at, watch, shared="trunk", representation=encode)
    (losses, _, _), gradients, _ = f(params, (), (jnp.float32(x), jnp.float32(y)))
    z = np.tanh(x @ start["trunk"])
    rows = np.array(
        [(2 * np.outer(z @ start[n] - y[:, k], start[n]) / ROWS).ravel() for k, n in enumerate("dn")]
    )
    np.testing.assert_allclose(seen[-1], rows @ rows.T, rtol=1e-5)
    values, jacobian, heads = by_hand(start, (x, y))
    np.testing.assert_allclose(losses, values, rtol=1e-5)
    np.testing.assert_allclose(gradients["trunk"].ravel(), [0.3, 2.0] @ jacobian, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(gradients["n"], 2.0 * heads[1], rtol=1e-4)


@pytest.mark.parametrize("name", ["equal", "upgrad", "imtl_l", "db_mtl"])
def test_micro_batches_are_the_batch(name, problem):
    x, y, start = problem
    params, batch = jax.tree.map(jnp.float32, start), (jnp.float32(x), jnp.float32(y))
    strategy = getattr(weightings, name)()
    whole = value_and_grad(losses_fn, strategy, shared="trunk")
    parts = value_and_grad(losses_fn, strategy, shared="trunk", micro_batches=4)
    state = strategy.init(TASKS, whole.shared(params))
    expected = whole(params, state, batch)
    found = parts(params, state, jax.tree.map(lambda a: a.reshape(4, 2, *a.shape[1:]), batch))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6), found[1:], expected[1:])


def test_a_carry_runs_through_the_micro_batches_and_extras_are_averaged():
    def losses_at(w, x, carry):
        return [w * x, w**2], carry * 2 + x, {"x": x}

    f = value_and_grad(losses_at, weightings.equal(), has_aux=True, micro_batches=3)
    (losses, _, aux), gradient, _ = f(
        jnp.float32(2.0), (), jnp.array([1.0, 2.0, 6.0]), carry=jnp.float32(1.0)
    )
    assert [float(loss) for loss in losses] == [6.0, 4.0] and float(gradient) == 3.0 + 4.0
    assert float(aux.carry) == ((1 * 2 + 1) * 2 + 2) * 2 + 6 and float(aux.extra["x"]) == 3.0


@pytest.mark.parametrize("heads", ["unit", "weighted"])
def test_gradients_of_heads_are_not_kept_by_task(heads):
    """Of large heads K copies would be most of a step's memory."""
    rng = np.random.default_rng(0)
    params = {
        "trunk": rng.standard_normal((7, 23)),
        **{f"h{k}": rng.standard_normal((23, 19)) for k in range(5)},
    }
    x = rng.standard_normal((6, 7))

    def losses(params):
        z = jnp.tanh(x @ params["trunk"])
        return jnp.stack([((z @ params[f"h{k}"] - k) ** 2).mean() for k in range(5)])

    f = value_and_grad(losses, weightings.upgrad(), shared="trunk", heads=heads)
    state = weightings.upgrad().init(tuple("abcde"), f.shared(params))
    program = str(jax.make_jaxpr(f)(params, state))
    assert "[5,7,23]" in program and "[5,23,19]" not in program
    (_, weights, _), gradient, _ = f(params, state)
    alone = jax.jacrev(losses)(params)
    for k in range(5):
        share = 1.0 if heads == "unit" else weights[k]
        np.testing.assert_allclose(gradient[f"h{k}"], share * alone[f"h{k}"][k], rtol=1e-4, atol=1e-5)
    expected = np.tensordot(np.asarray(weights), np.asarray(alone["trunk"]), 1)
    np.testing.assert_allclose(gradient["trunk"], expected, rtol=1e-4, atol=1e-5)


def test_heads_outside_the_shared_part_may_be_trained_in_full(problem):
    x, y, start = problem
    params, batch = jax.tree.map(jnp.float32, start), (jnp.float32(x), jnp.float32(y))
    _, jacobian, heads = by_hand(start, (x, y))
    for name, weight in (("fixed", 0.25), ("mgda", None)):
        strategy = weightings.fixed(depth=0.25, normals=1.0) if name == "fixed" else weightings.mgda()
        f = value_and_grad(losses_fn, strategy, shared="trunk", heads="unit")
        (_, weights, _), gradients, _ = f(params, strategy.init(TASKS), batch)
        w = np.array([float(weights[task]) for task in TASKS])
        assert weight is None or w[0] == weight
        np.testing.assert_allclose(gradients["d"], heads[0], rtol=1e-4)
        np.testing.assert_allclose(gradients["trunk"].ravel(), w @ jacobian, rtol=1e-3, atol=1e-5)


def test_what_was_missing_is_known_by_name():
    """Whatever the order of the two dicts; `valid` of other names is refused."""
    given = lambda w, valid: weightings.Losses({"a": w**2, "b": (w - 1) ** 2}, valid)
    f = value_and_grad(given, weightings.equal())
    state = weightings.equal().init(("a", "b"))
    (_, _, aux), _, _ = f(jnp.array(2.0), state, {"b": False, "a": True})
    assert {task: bool(known) for task, known in aux.valid.items()} == {"a": True, "b": False}
    for wrong in ({"a": True, "c": False}, {"a": True}):
        with pytest.raises(TypeError, match="valid must name the tasks of the losses, a, b; got a"):
            f(jnp.array(2.0), state, wrong)
    with pytest.raises(TypeError, match="valid must be bool"):
        f(jnp.array(2.0), state, {"a": 1.0, "b": 0.0})


@pytest.mark.parametrize(
    ("losses", "told"),
    [
        (lambda w: {"a": w**2, "b": None}, "losses, 'b': expected a scalar, got NoneType"),
        (lambda w: {"a": w**2, "b": jnp.ones((64,)) * w}, "'b': expected a scalar, got an array float32"),
        (lambda w: ([w, w], {"extra": w}), "has_aux=True"),
        (lambda w: w, r"a vector \[K\]; got an array float32 \[\]"),
        (lambda w: None, "got NoneType"),
        (lambda w: {}, "there are none"),
        (lambda w: {"a": jnp.complex64(1j) * w}, "real numbers with a gradient, float; got complex64"),
    ],
)
def test_what_are_no_losses(losses, told):
    with pytest.raises(TypeError, match=told):
        value_and_grad(losses, weightings.equal())(jnp.array(1.0), ())


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: value_and_grad(lambda w: [w], "upgrad"), r"such as weightings.upgrad\(\); got str"),
        (lambda: value_and_grad(lambda w: [w], weightings.dwa), r"such as weightings.dwa\(\); got function"),
        (lambda: value_and_grad(None, weightings.dwa()), "losses_fn must be a function"),
        (lambda: weightings.ema("dwa"), r"such as weightings.dwa\(\)"),
        (lambda: weightings.log_losses(weightings.upgrad), r"such as weightings.upgrad\(\)"),
        (lambda: weightings.dwa(temprature=1.0), r"dwa\(\) has no field 'temprature'.*'temperature'"),
        (lambda: weightings.dwa(2.0), r"dwa.*takes 0 positional arguments"),
        (
            lambda: value_and_grad(lambda w: [w["a"]], weightings.equal())(
                {"a": 1.0, "n": jnp.arange(2)}, ()
            ),
            r"\['n'\] is int32",
        ),
    ],
)
def test_what_is_no_strategy_and_no_parameter(make, told):
    with pytest.raises(TypeError, match=told):
        make()


def test_tasks_are_names():
    for wrong in (3, "depth", (), ("a", "a")):
        with pytest.raises(ValueError, match="tasks must be different names"):
            weightings.equal().init(wrong)


@pytest.mark.parametrize("name", ["dwa", "famo", "db_mtl", "upgrad"])
def test_a_state_of_other_tasks_or_of_another_strategy_is_refused(name):
    strategy = getattr(weightings, name)()
    f = value_and_grad(lambda p: {"a": p[0] ** 2, "b": p[1] ** 2, "c": p[0] * p[1]}, strategy)
    params = jnp.array([1.0, 2.0])
    others = [weightings.mgda(), weightings.gradvac(), strategy]
    states = [other.init(("a", "b", "c"), f.shared(params)) for other in others]
    wrong = [
        state for other, state in zip(others, states) if other is not strategy and jax.tree.leaves(state)
    ]
    if name != "upgrad":  # which keeps nothing
        wrong += [strategy.init(("a", "b"), f.shared(params)), ()]
    for state in wrong:
        with pytest.raises(ValueError, match=r"not one of this strategy for 3 losses \(a, b, c\): it holds"):
            f(params, state)
    f(params, states[-1])


@pytest.mark.parametrize(
    "shared",
    ["trunk", ("trunk",), lambda p: p["trunk"], lambda p: {"any": [p["trunk"]]}],
    ids=["name", "names", "leaf", "tree"],
)
def test_ways_to_say_what_is_shared(shared, problem):
    x, y, start = problem
    params, batch = jax.tree.map(jnp.float32, start), (jnp.float32(x), jnp.float32(y))
    strategy = weightings.db_mtl()
    f = value_and_grad(losses_fn, strategy, shared=shared)
    (_, weights, _), gradients, _ = f(params, strategy.init(TASKS, f.shared(params)), batch)
    losses, jacobian, _ = by_hand(start, (x, y))
    lengths = np.linalg.norm(jacobian / losses[:, None], axis=1)
    np.testing.assert_allclose([weights[t] for t in TASKS], lengths.max() / lengths, rtol=1e-4)
    assert jax.tree.structure(gradients) == jax.tree.structure(params)


def test_names_come_from_the_losses_whatever_their_order():
    """The weight of a name goes to that loss, in whichever order the function lists them."""
    strategy = weightings.fixed(a=1.0, b=10.0)
    state = strategy.init(("a", "b"))
    for names in (("a", "b"), ("b", "a")):
        f = value_and_grad(
            lambda w, names=names: {name: w * {"a": 1.0, "b": 2.0}[name] for name in names}, strategy
        )
        (_, weights, _), gradient, _ = f(jnp.float32(1.0), state)
        assert {name: float(weight) for name, weight in weights.items()} == {"a": 1.0, "b": 10.0}
        assert float(gradient) == 21.0


def test_a_task_without_anything_to_learn_from_is_said_to_be_so():
    strategy = weightings.dwa(window=1)
    f = value_and_grad(lambda w: Losses({"a": w, "b": 0.0 * w}, {"a": True, "b": False}), strategy)
    (_, _, aux), _, state = f(jnp.float32(3.0), strategy.init(("a", "b")))
    assert {k: bool(v) for k, v in aux.valid.items()} == {"a": True, "b": False}
    assert state.known[-1].tolist() == [True, False]


def test_inactive_tasks_have_no_part(problem):
    x, y, start = problem
    params, batch = jax.tree.map(jnp.float32, start), (jnp.float32(x), jnp.float32(y))
    for name in ("equal", "upgrad"):
        strategy = getattr(weightings, name)()
        f = value_and_grad(losses_fn, strategy, shared="trunk")
        (_, weights, _), gradients, _ = f(
            params, strategy.init(TASKS), batch, active=jnp.array([True, False])
        )
        assert float(weights["normals"]) == 0.0 and not np.any(gradients["n"])


def test_in_a_scan_with_optax_nothing_is_traced_twice():
    traced = []

    def losses_at(w, x):
        traced.append(1)
        return {"a": ((w - x) ** 2).sum(), "b": (w**2).sum()}

    strategy = weightings.famo()
    f, adam = value_and_grad(losses_at, strategy), optax.sgd(0.1)

    def step(held, x):
        w, state, moments = held
        (losses, _, _), gradient, state = f(w, state, x)
        updates, moments = adam.update(gradient, moments)
        w = optax.apply_updates(w, updates)
        return (w, f.post(w, state, x), moments), losses["a"]

    start = (jnp.ones(2), strategy.init(("a", "b")), adam.init(jnp.ones(2)))
    with jax.numpy_dtype_promotion("standard"):
        _, losses = jax.lax.scan(step, start, jnp.zeros((20, 2)))
    assert float(losses[-1]) < 0.1 * float(losses[0]) and len(traced) <= 4


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (
            lambda: weightings.upgrad().update(Signals(jnp.ones(2)), ()),
            ValueError,
            "needs 'gram', inner products",
        ),
        (lambda: weightings.rlw().update(Signals(jnp.ones(2)), ()), ValueError, "needs 'rng', a random key"),
        (lambda: weightings.db_mtl().init(("a", "b")), ValueError, "value_and_grad.shared"),
        (lambda: weightings.equal().init("ab"), ValueError, "different names such as"),
        (lambda: weightings.upgrd, AttributeError, "Did you mean 'upgrad'"),
        (lambda: weightings.upgrad(epsilon=-1), ValueError, "epsilon must be above 0"),
        (
            lambda: value_and_grad(losses_fn, weightings.equal(), heads="half"),
            ValueError,
            "one of weighted, unit",
        ),
        (lambda: value_and_grad(losses_fn, weightings.sdmgrad()), ValueError, "must be an even number"),
        (
            lambda: value_and_grad(losses_fn, weightings.moco(), representation=lambda p: p),
            ValueError,
            "leave representation out",
        ),
        (lambda: value_and_grad(lambda w: w, weightings.equal())(jnp.ones(()), ()), TypeError, "a vector"),
        (
            lambda: value_and_grad(lambda w: {"a": w}, weightings.equal())(jnp.ones(2), ()),
            TypeError,
            "expected a scalar",
        ),
        (
            lambda: value_and_grad(lambda w: [w["x"]], weightings.equal(), shared="trunk")(
                {"x": jnp.ones(())}, ()
            ),
            ValueError,
            "shared='trunk' is no part of the parameters, which have x",
        ),
        (
            lambda: Weighting(lambda t: (), lambda s, h: None, frozenset({"hessian"})),
            ValueError,
            "cannot need hessian",
        ),
        (lambda: Weighting(lambda t: (), lambda s, h: None, frozenset({"post"})), ValueError, "go together"),
        (lambda: weightings.ema(weightings.equal(), 1.5), ValueError, "from 0 to below 1"),
    ],
)
def test_mistakes_are_named(call, error, said):
    with pytest.raises(error, match=said):
        call()


def test_a_forgotten_post_is_noticed():
    strategy = weightings.famo()
    f = value_and_grad(lambda w: [w, 2 * w], strategy)
    _, _, state = f(jnp.float32(1.0), strategy.init(("a", "b")))
    with pytest.raises(ValueError, match="state = value_and_grad.post"):
        f(jnp.float32(1.0), state)


def test_after_a_step_only_micro_batches_with_labels_count():
    """The parameters stay: whatever the losses before were, they are the losses after."""
    seen = {}

    def post(signals, after, state):
        seen["before"], seen["after"] = signals.losses, after
        return state

    watch = Weighting(
        lambda tasks: (), lambda s, state: (jnp.ones(2), state, {}), frozenset({"post"}), post=post
    )

    def losses_at(w, x, known):
        return Losses([w * x, 2 * w * x], [known, True])

    f = value_and_grad(losses_at, watch, micro_batches=2)
    batch = (jnp.array([1.0, 3.0]), jnp.array([True, False]))
    _, _, state = f(jnp.float32(1.0), (), *batch)
    f.post(jnp.float32(1.0), state, *batch)
    assert seen["before"].tolist() == seen["after"].tolist() == [1.0, 4.0]


@pytest.mark.parametrize("name", ["equal", "upgrad", "dwa"])
def test_micro_batches_keep_the_dtype_of_the_parameters(name, standard_promotion):
    strategy = getattr(weightings, name)()
    for dtype in (jnp.bfloat16, jnp.float32):
        f = value_and_grad(lambda w, x: [(w * x).sum(), (w**2).sum()], strategy, micro_batches=2)
        x, w = jnp.ones((2, 3), dtype), jnp.ones(3, dtype)
        _, gradient, _ = jax.eval_shape(f, w, strategy.init(("a", "b")), x)
        assert gradient.dtype == dtype
    with jax.enable_x64(True):
        f = value_and_grad(lambda w, x: [(w * x).sum(), (w**2).sum()], strategy, micro_batches=2)
        state = strategy.init(("a", "b"))
        w, x = jnp.ones(3, jnp.float64), jnp.ones((2, 3), jnp.float64)
        (losses, _, _), gradient, _ = jax.eval_shape(f, w, state, x)
        assert gradient.dtype == losses.dtype == jnp.float64


def test_of_flax_variables_the_error_says_what_to_give(problem):
    params = {"params": jax.tree.map(jnp.float32, problem[2])}
    f = value_and_grad(losses_fn, weightings.equal(), shared="trunk")
    with pytest.raises(
        ValueError, match=r"shared='trunk' is no part .* which have params; of Flax's variables"
    ):
        f.shared(params)


@pytest.mark.parametrize("shape", [(2, 3), (4,), (1, 2, 2)])
def test_cosines_are_of_a_square_matrix(shape):
    with pytest.raises(ValueError, match=r"must be a Gram matrix \[K, K\]; got the shape"):
        weightings.cosines(jnp.ones(shape))
