"""Strategies against their equations, written out as loops in float64 on random asymmetric input."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dmljax import plugins
from dmljax.types import TASKS
from dmljax.weightings import Signals

K = 3


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"):
        yield


def build(name, **options):
    return plugins.load("weightings", name).build(**options)


def signals(losses, step=0, gram=None, cross=None, key=None):
    on = jnp.ones(K, bool)
    return Signals(
        jnp.asarray(losses, jnp.float64),
        on,
        on,
        jnp.int32(step),
        None if gram is None else jnp.asarray(gram),
        None if cross is None else jnp.asarray(cross),
        key,
    )


def follow(strategy, losses, state=None, gram=None, keys=False):
    state = strategy.init(TASKS) if state is None else state
    found = []
    for t, row in enumerate(losses):
        key = jax.random.fold_in(jax.random.key(0), t) if keys else None
        weights, state, _ = strategy.update(
            signals(row, t, None if gram is None else gram[t], key=key), state
        )
        found.append(np.asarray(weights))
    return np.array(found), state


def softmax(x):
    e = np.exp(x - np.max(x))
    return e / e.sum()


@pytest.fixture
def losses(rng):
    return rng.uniform(0.3, 3.0, (12, K)) * [1.0, 0.2, 5.0]


@pytest.fixture
def jacobians(rng):
    return rng.standard_normal((12, K, 7)) * np.array([1.0, 3.0, 0.4])[:, None] + 0.3 * rng.standard_normal(
        (12, 1, 7)
    )


def adam(gradients, rate):
    m = v = x = np.zeros(K)
    path = [x]
    for t, gradient in enumerate(gradients(path), 1):
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        x = x - rate * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        path.append(x)
    return np.array(path)


def test_uncertainty_and_imtl_l(losses):
    s = adam(lambda path: (0.5 * (1 - row * np.exp(-path[-1])) for row in losses), 0.01)
    np.testing.assert_allclose(follow(build("uncertainty"), losses)[0], 0.5 * np.exp(-s[:-1]), rtol=1e-6)
    s = adam(lambda path: (np.exp(path[-1]) * row - 1 for row in losses), 0.01)
    np.testing.assert_allclose(follow(build("imtl_l"), losses)[0], np.exp(s[:-1]), rtol=1e-6)


def test_log_and_gls(losses):
    np.testing.assert_allclose(follow(build("log", epsilon=1e-9), losses)[0], 1 / losses, rtol=1e-6)
    expected = [np.prod(row) ** (1 / K) / (K * row) for row in losses]
    np.testing.assert_allclose(follow(build("gls"), losses)[0], expected, rtol=1e-6)


def test_rlw_draws_anew_and_sums_to_the_number_of_tasks(losses):
    weights, _ = follow(build("rlw"), losses, keys=True)
    np.testing.assert_allclose(weights.sum(1), K, rtol=1e-5)
    assert len(np.unique(weights[:, 0])) == len(losses)


@pytest.mark.parametrize("variant", ["plain", "normalised", "loss_weighted"])
def test_softadapt(losses, variant):
    found, _ = follow(build("softadapt", beta=0.7, variant=variant), losses)
    for t in range(len(losses)):
        if t < 2:
            expected = np.ones(K)
        else:
            slope = losses[t - 1] - losses[t - 2]
            if variant == "normalised":
                slope = slope / np.abs(slope).sum()
            expected = softmax(0.7 * slope)
            if variant == "loss_weighted":
                expected = expected * losses[t - 1] / (expected * losses[t - 1]).sum()
            expected = K * expected
        np.testing.assert_allclose(found[t], expected, rtol=1e-5)


def test_relobralo_with_and_without_the_look_back(losses):
    for beta, look_back in ((1.0, False), (0.0, True)):
        found, _ = follow(build("relobralo", alpha=0.9, beta=beta, tau=0.8), losses, keys=True)
        weights = np.ones(K)
        for t, row in enumerate(losses):
            before = losses[max(t - 1, 0)]
            m0, m1 = (K * softmax(row / (0.8 * ref + 1e-8)) for ref in (losses[0], before))
            weights = 0.9 * (m0 if look_back else weights) + 0.1 * m1
            np.testing.assert_allclose(found[t], weights, rtol=1e-5)


def test_dtp(losses):
    found, _ = follow(build("dtp", gamma=2.0, keep=0.8), losses)
    q = None
    for t, row in enumerate(losses):
        q = np.exp(-row) if q is None else 0.8 * q + 0.2 * np.exp(-row)
        clipped = np.clip(q, 1e-3, 1 - 1e-3)
        np.testing.assert_allclose(found[t], -((1 - clipped) ** 2) * np.log(clipped), rtol=1e-6)


def test_stch_with_nadir(losses):
    found, _ = follow(build("stch", mu=0.7, warmup=4), losses)
    nadir = losses[:4].mean(0)
    for t, row in enumerate(losses):
        expected = 1 / row if t < 4 else K * softmax(np.log(row / nadir) / 0.7) / row
        np.testing.assert_allclose(found[t], expected, rtol=1e-5)


def test_gradnorm(losses, jacobians):
    grams = jacobians @ jacobians.swapaxes(1, 2)
    found, _ = follow(build("gradnorm", alpha=0.8, learning_rate=0.05), losses, gram=grams)
    weights = np.ones(K)
    for t, (row, jacobian) in enumerate(zip(losses, jacobians)):
        np.testing.assert_allclose(found[t], weights, rtol=1e-5)
        n = np.array([np.linalg.norm(g) for g in jacobian])
        n /= n.mean()
        r = row / losses[0]
        target = (weights * n).mean() * (r / r.mean()) ** 0.8
        moved = np.array(
            [max(w - 0.05 * n_k * np.sign(w * n_k - goal), 1e-2) for w, n_k, goal in zip(weights, n, target)]
        )
        weights = moved * K / moved.sum()


def test_mgda_against_a_fine_grid(jacobians):
    grid = [np.array([a, b, 300 - a - b]) / 300 for a in range(301) for b in range(301 - a)]
    for jacobian in jacobians[:4]:
        gram = jacobian @ jacobian.T
        weights = follow(build("mgda"), np.ones((1, K)), gram=[gram])[0][0]
        best = min(w @ gram @ w for w in grid)
        assert (
            weights @ gram @ weights <= best + 1e-9
            and weights.sum() == pytest.approx(1)
            and weights.min() >= 0
        )


def test_cagrad_against_a_fine_grid(jacobians):
    grid = np.array([np.array([a, b, 200 - a - b]) / 200 for a in range(201) for b in range(201 - a)])
    for jacobian in jacobians[:4]:
        mean = jacobian.mean(0)
        direction = (
            follow(build("cagrad", c=0.4), np.ones((1, K)), gram=[jacobian @ jacobian.T])[0][0] @ jacobian
        )
        w = grid[
            np.argmin(
                [
                    (w @ jacobian) @ mean + 0.4 * np.linalg.norm(mean) * np.linalg.norm(w @ jacobian)
                    for w in grid
                ]
            )
        ]
        expected = mean + 0.4 * np.linalg.norm(mean) * (w @ jacobian) / np.linalg.norm(w @ jacobian)
        assert np.linalg.norm(direction - expected) < 0.03 * np.linalg.norm(expected)
        assert (jacobian @ direction).min() >= (jacobian @ expected).min() - 1e-6


def test_upgrad_and_dualproj_harm_no_task(jacobians):
    for name in ("upgrad", "dualproj"):
        for jacobian in jacobians:
            direction = (
                follow(build(name, epsilon=1e-9), np.ones((1, K)), gram=[jacobian @ jacobian.T])[0][0]
                @ jacobian
            )
            assert (jacobian @ direction).min() > -1e-5


@pytest.mark.parametrize("name", ["pcgrad", "gradvac"])
@pytest.mark.parametrize("tasks", [K, 11])
def test_projections_against_the_loop_over_gradients(name, tasks, rng):
    strategy, on = build(name), jnp.ones(tasks, bool)
    state, usual = strategy.init(tuple(map(str, range(tasks)))), np.zeros((tasks, tasks))
    for t, jacobian in enumerate(rng.standard_normal((4, tasks, 7))):
        key, gram = jax.random.fold_in(jax.random.key(0), t), jnp.asarray(jacobian @ jacobian.T)
        seen = Signals(jnp.ones(tasks, jnp.float64), on, on, jnp.int32(t), gram, rng=key)
        weights, state, _ = strategy.update(seen, state)
        total = np.zeros(7)
        for i in range(tasks):
            p = jacobian[i].copy()
            for j in np.asarray(jax.random.permutation(jax.random.fold_in(key, i), tasks)):
                g = jacobian[j]
                if j == i:
                    continue
                if name == "pcgrad":
                    if p @ g < 0:
                        p = p - (p @ g) / (g @ g) * g
                else:
                    f, aim = p @ g / np.linalg.norm(p) / np.linalg.norm(g), usual[i, j]
                    if f < aim:
                        p = (
                            p
                            + np.linalg.norm(p)
                            * (aim * np.sqrt(1 - f**2) - f * np.sqrt(1 - aim**2))
                            / (np.linalg.norm(g) * np.sqrt(1 - aim**2))
                            * g
                        )
                    usual[i, j] = 0.5 * aim + 0.5 * f
            total += p
        np.testing.assert_allclose(np.asarray(weights) @ jacobian, total, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", ["mgda", "cagrad", "upgrad", "dualproj"])
def test_few_tasks_and_many_are_one_problem(name, rng):
    """Eight tasks, of which all subsets are looked at, and twelve, four of which have no sample."""
    rows = rng.standard_normal((8, 30)) * rng.uniform(0.2, 3, (8, 1)) + 0.1
    rows[3] = -0.7 * rows[5] + 0.05 * rows[0]
    few = build(name).update(
        Signals(jnp.ones(8), gram=jnp.asarray(rows @ rows.T)), build(name).init(tuple("abcdefgh"))
    )[0]
    place = np.array([0, 2, 3, 5, 6, 8, 9, 11])
    gram, on = np.zeros((12, 12)), np.isin(np.arange(12), place)
    gram[np.ix_(place, place)] = rows @ rows.T
    seen = Signals(jnp.ones(12), jnp.asarray(on), jnp.asarray(on), gram=jnp.asarray(gram))
    many = build(name).update(seen, build(name).init(tuple("abcdefghijkl")))[0]
    np.testing.assert_allclose(np.asarray(many)[place], np.asarray(few), rtol=1e-6, atol=1e-9)
    assert (np.asarray(many)[~on] == 0).all()


def project(w):
    """Nearest point of the simplex, by bisection on the shift."""
    low, high = w.min() - 1, w.max()
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if np.clip(w - middle, 0, None).sum() > 1 else (low, middle)
    return np.clip(w - low, 0, None)


def jacobian_steps(strategy, losses, jacobians, keys=False):
    """What the train step does with the whole Jacobian: its transform, then the weights; directions,
    states.
    """
    state = strategy.init(TASKS, {"g": jax.ShapeDtypeStruct((7,), jnp.float64)})
    for t, (row, jacobian) in enumerate(zip(losses, jacobians)):
        seen = signals(row, t, key=jax.random.fold_in(jax.random.key(0), t) if keys else None)
        changed, state = strategy.transform({"g": jnp.asarray(jacobian)}, seen, state)
        changed = np.asarray(changed["g"])
        weights, state, _ = strategy.update(seen._replace(gram=jnp.asarray(changed @ changed.T)), state)
        yield np.asarray(weights), changed, state


def test_db_mtl(losses, jacobians):
    y = None
    for t, (weights, changed, _) in enumerate(
        jacobian_steps(build("db_mtl", beta=0.6, power=0.5), losses, jacobians), 1
    ):
        log_gradient = jacobians[t - 1] / losses[t - 1][:, None]
        b = 0.6 / t**0.5
        y = log_gradient if y is None else b * y + (1 - b) * log_gradient
        np.testing.assert_allclose(changed, y, rtol=1e-5, atol=1e-6)
        n = np.linalg.norm(y, axis=1)
        np.testing.assert_allclose(weights, n.max() / n, rtol=1e-5)


def test_moco(losses, jacobians):
    y, w = np.zeros((K, 7)), np.full(K, 1 / K)
    for t, (weights, changed, _) in enumerate(
        jacobian_steps(build("moco", beta=0.4, gamma=0.02, power=0.5, rho=0.1), losses, jacobians), 1
    ):
        aim = np.array([loss * g / np.linalg.norm(g) for loss, g in zip(losses[t - 1], jacobians[t - 1])])
        y = y - 0.4 / t**0.5 * (y - aim)
        w = project(w - 0.02 / t**0.5 * (y @ y.T @ w + 0.1 * w))
        np.testing.assert_allclose(changed, y, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(weights, w, rtol=1e-4, atol=1e-6)


def test_excess_mtl(losses, jacobians):
    squares, w, first = np.zeros((K, 7)), np.ones(K), None
    for t, (weights, changed, _) in enumerate(
        jacobian_steps(build("excess_mtl", eta=0.3), losses, jacobians)
    ):
        squares += jacobians[t] ** 2
        excess = (jacobians[t] ** 2 / np.sqrt(squares + 1e-7)).sum(1)
        first = excess if first is None else first
        w = w * np.exp(0.3 * excess / first)
        w = w * K / w.sum()
        np.testing.assert_array_equal(changed, jacobians[t])
        np.testing.assert_allclose(weights, w, rtol=1e-5)


@pytest.mark.parametrize("leak", [0.0, 0.3])
def test_graddrop_lets_one_sign_pass(losses, jacobians, leak):
    seen = {True: 0, False: 0}
    for t, (weights, changed, _) in enumerate(
        jacobian_steps(build("graddrop", leak=leak), losses, jacobians, keys=True)
    ):
        np.testing.assert_array_equal(weights, 1)
        u = np.asarray(
            jax.random.uniform(jax.random.fold_in(jax.random.fold_in(jax.random.key(0), t), 0), (7,))
        )
        for c in range(7):
            g = jacobians[t][:, c]
            up = 0.5 * (1 + g.sum() / np.abs(g).sum()) > u[c]
            seen[bool(up)] += 1
            np.testing.assert_allclose(changed[:, c], np.where((g > 0) == up, g, leak * g), rtol=1e-6)
    assert min(seen.values()) > 5


def test_sdmgrad(losses, jacobians, rng):
    strategy = build("sdmgrad", nearness=0.4, rate=0.3, momentum=0.5, steps=7)
    state, w = strategy.init(TASKS), np.full(K, 1 / K)
    for t, jacobian in enumerate(jacobians):
        cross = jacobian @ (jacobian + 0.3 * rng.standard_normal(jacobian.shape)).T
        weights, state, _ = strategy.update(signals(losses[t], t, cross=cross), state)
        matrix = cross + cross.T
        matrix /= np.abs(matrix).sum(1).max()
        velocity = np.zeros(K)
        for _ in range(7):
            velocity = 0.5 * velocity + matrix @ (w + 0.4 / K)
            w = project(w - 0.3 * velocity)
        np.testing.assert_allclose(weights, (w + 0.4 / K) / 1.4, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("tasks", [2, 3, 8])
def test_sdmgrad_ends_at_the_minimum_with_its_defaults(tasks, rng):
    """Of gradients that two samples agree on, whose lengths differ by up to ten: after five steps."""
    strategy = build("sdmgrad")
    seen = Signals(jnp.ones(tasks)).filled()
    update = jax.jit(lambda cross, state: strategy.update(seen._replace(cross_gram=cross), state)[:2])
    for _ in range(20):
        rows = rng.standard_normal((tasks, 12)) * 10 ** rng.uniform(-1, 0, (tasks, 1))
        state = strategy.init(tuple("abcdefgh"[:tasks]))
        for _ in range(5):
            weights, state = update(rows @ rows.T, state)
        w = 1.3 * np.asarray(weights, float) - 0.3 / tasks
        slope = rows @ rows.T @ (w + 0.3 / tasks)
        short = w @ slope - slope.min()  # how far from the minimum at most: the function is convex
        assert short < 0.01 * (rows**2).sum(1).mean()


def test_single_trains_one_task_and_says_what_there_is(losses):
    np.testing.assert_array_equal(follow(build("single", task="pose"), losses[:1])[0], [[0, 1, 0]])
    with pytest.raises(ValueError, match="there is no task 'pose'; there are expression"):
        build("single", task="pose").init(("expression",))


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("famo", {"learning_rate": 0.0}, "^learning_rate must be above 0"),
        ("stch", {"form": "log"}, "must be one of raw, nadir"),
        ("fairgrad", {"alpha": 0.0}, "^alpha must be from 0.5"),
        ("cagrad", {"c": 1.0}, "^c must be"),
        ("aligned_mtl", {"scale": "max"}, "must be one of min, median, rmse"),
        ("graddrop", {"leak": 2.0}, "^leak must be"),
        ("softadapt", {"variant": "x"}, "must be one of plain"),
        ("log", {"epsilon": 0.0}, "above 0"),
    ],
)
def test_fields_out_of_range(name, options, told):
    with pytest.raises(ValueError, match=told):
        build(name, **options)
