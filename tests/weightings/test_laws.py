"""What the strategies' papers promise: directions that no task suffers from, invariance to the scale of a
loss or a gradient.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dmljax import plugins
from dmljax.weightings import Signals

TASKS = ("a", "b", "c", "d")


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"):
        yield


@pytest.fixture(params=range(6))
def jacobian(request):
    """Conflicting rows of unlike lengths, float64 [4, 9]."""
    rng = np.random.default_rng(request.param)
    rows = rng.standard_normal((4, 9)) * rng.uniform(0.2, 3, (4, 1))
    rows[1] = -0.5 * rows[0] + 0.6 * rng.standard_normal(9)
    return rows


def weights_of(name, jacobian, **options):
    strategy = plugins.load("weightings", name).build(**options)
    on = jnp.ones(len(jacobian), bool)
    seen = Signals(
        jnp.ones(len(jacobian)),
        on,
        on,
        jnp.int32(0),
        jnp.asarray(jacobian @ jacobian.T),
        rng=jax.random.key(3),
    )
    return np.asarray(strategy.update(seen, strategy.init(TASKS[: len(jacobian)]))[0])


def direction(name, jacobian, **options):
    return weights_of(name, jacobian, **options) @ jacobian


@pytest.mark.parametrize(
    ("name", "options", "slack"),
    [
        ("upgrad", {"epsilon": 1e-10}, 1e-6),
        ("dualproj", {"epsilon": 1e-10}, 1e-6),
        ("mgda", {}, 1e-9),
        ("nash_mtl", {}, 0),
        ("fairgrad", {}, 0),
        ("config_mtl", {}, 0),
    ],
)
def test_no_task_gets_worse_to_first_order(name, options, slack, jacobian):
    assert (jacobian @ direction(name, jacobian, **options) >= -slack * (jacobian**2).sum()).all()


def test_equal_weights_do_make_a_task_worse():
    """The law above can fail: a long gradient against a short one."""
    jacobian = np.array([[3.0, 0.0], [-1.0, 0.2]])
    assert (jacobian @ direction("equal", jacobian) < 0).any()


@pytest.mark.parametrize(
    "name", ["mgda", "pcgrad", "cagrad", "imtl_g", "aligned_mtl", "upgrad", "dualproj", "config_mtl"]
)
def test_longer_gradients_all_alike_leave_the_weights(name, jacobian):
    np.testing.assert_allclose(
        weights_of(name, 7.0 * jacobian), weights_of(name, jacobian), rtol=1e-6, atol=1e-9
    )


@pytest.mark.parametrize(
    ("name", "options", "power"),
    [("nash_mtl", {"unit": False}, -1.0), ("fairgrad", {"alpha": 2.0, "unit": False}, -4 / 3)],
)
def test_fair_weights_shrink_as_gradients_grow(name, options, power, jacobian):
    """(G w)_k = w_k^(-1/alpha), so w(s J) = s^(-2 alpha / (1 + alpha)) w(J)."""
    np.testing.assert_allclose(
        weights_of(name, 3.0 * jacobian, **options),
        3.0**power * weights_of(name, jacobian, **options),
        rtol=1e-4,
    )


@pytest.mark.parametrize(("name", "options"), [("upgrad", {"epsilon": 1e-12}), ("pcgrad", {})])
def test_linear_under_scaling(name, options, jacobian):
    """A(diag(c) J) is linear in c: tasks are projected onto what the others allow, and scaling does not
    change what is allowed.
    """
    one, other = np.array([1.0, 2.0, 0.5, 3.0])[:, None], np.array([0.7, 0.1, 4.0, 1.0])[:, None]
    together = direction(name, (one + other) * jacobian, **options)
    parts = direction(name, one * jacobian, **options) + direction(name, other * jacobian, **options)
    np.testing.assert_allclose(parts, together, rtol=2e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["nash_mtl", "imtl_g", "config_mtl"])
def test_the_direction_does_not_depend_on_any_tasks_scale(name, jacobian):
    factors = np.array([1.0, 5.0, 0.3, 2.0])[:, None]
    unit = lambda v: v / np.linalg.norm(v)
    np.testing.assert_allclose(
        unit(direction(name, factors * jacobian)), unit(direction(name, jacobian)), atol=1e-5
    )


def test_equal_angles_and_equal_projections(jacobian):
    units = jacobian / np.linalg.norm(jacobian, axis=1, keepdims=True)
    for name in ("imtl_g", "config_mtl"):
        projections = units @ direction(name, jacobian)
        np.testing.assert_allclose(projections, projections[0], rtol=1e-6)


@pytest.mark.parametrize("radius", [0.2, 0.5, 0.9])
def test_cagrad_stays_near_the_mean(radius, jacobian):
    """Within c times the mean gradient's length of it, up to the common factor that rescaling takes out."""
    mean = jacobian.mean(0)
    found = direction("cagrad", jacobian, c=radius)
    factor = found @ mean / (mean @ mean)  # the best common factor
    assert np.linalg.norm(found / factor - mean) <= radius / np.sqrt(1 - radius**2) * np.linalg.norm(mean) * (
        1 + 1e-6
    )


def weights_over_time(name, losses):
    """Weights [steps, 3] of a strategy that sees these losses, float64 [steps, 3]; each step lowers them by 1
    %.
    """
    strategy = plugins.load("weightings", name).build()
    state, on, rows = strategy.init(TASKS[:3]), jnp.ones(3, bool), []
    for step, row in enumerate(losses):
        seen = Signals(
            jnp.asarray(row), on, on, jnp.int32(step), rng=jax.random.fold_in(jax.random.key(0), step)
        )
        weights, state, _ = strategy.update(seen, state)
        state = strategy.post(seen, seen.losses * 0.99, state) if strategy.post else state
        rows.append(np.asarray(weights))
    return np.array(rows)


@pytest.fixture
def rescaled(rng):
    """The same losses in two units: (losses, scale, the losses times the scale)."""
    losses, scale = rng.uniform(0.3, 2, (40, 3)), np.array([1.0, 20.0, 0.3])
    return losses, scale, losses * scale


@pytest.mark.parametrize("name", ["dwa", "relobralo"])
def test_ratios_do_not_see_the_unit_of_a_loss(name, rescaled):
    losses, _, other = rescaled
    np.testing.assert_allclose(weights_over_time(name, other), weights_over_time(name, losses), rtol=1e-4)


@pytest.mark.parametrize("name", ["log", "gls"])
def test_logarithms_divide_by_the_loss(name, rescaled):
    """What a task contributes, weight times unit, keeps its share, up to what is added to a loss before its
    logarithm.
    """
    losses, scale, other = rescaled
    share = lambda rows: rows / rows.sum(1, keepdims=True)
    np.testing.assert_allclose(
        share(weights_over_time(name, other) * scale), share(weights_over_time(name, losses)), rtol=1e-2
    )


@pytest.mark.parametrize("name", ["softadapt", "stch"])
def test_differences_do_see_it(name, rescaled):
    """The laws above can fail."""
    losses, _, other = rescaled
    assert np.abs(weights_over_time(name, other) - weights_over_time(name, losses)).max() > 1e-3
