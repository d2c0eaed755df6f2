"""Solvers in float32 on gradients whose lengths differ by up to 100,000, against NumPy in float64."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize, nnls

from dmljax import weightings as all_weightings
from dmljax.weightings import Signals
from tests.weightings.solving import at_once, jacobian, weights


@pytest.fixture(
    params=[(1.0, 4), (1e3, 3), (1e5, 4), (1e2, 20)], ids=lambda given: f"{given[0]:g}-{given[1]}"
)
def rows(request, rng):
    return jacobian(rng, *request.param)


def test_equal_projections(rows):
    v = np.linalg.solve(rows @ rows.T, np.linalg.norm(rows, axis=1))
    np.testing.assert_allclose(weights("imtl_g", rows), v / v.sum(), rtol=5e-5)


def test_the_lengths_of_the_report():
    """Orthogonal gradients of lengths 1, 0.65 and 0.001: each counts by the inverse of its length."""
    rows = np.diag([1.0, 0.65, 1e-3])
    inverse = 1 / np.diag(rows)
    np.testing.assert_allclose(weights("imtl_g", rows), inverse / inverse.sum(), rtol=1e-6)


@pytest.mark.parametrize("scale", ["min", "rmse"])
def test_aligned_gradients(rows, scale):
    values, vectors = np.linalg.eigh(rows @ rows.T)
    common = values.min() if scale == "min" else values.mean()
    expected = vectors @ np.diag(np.sqrt(common / values)) @ vectors.T @ np.full(len(rows), 1 / len(rows))
    np.testing.assert_allclose(weights("aligned_mtl", rows, scale=scale), expected, rtol=1e-4)


def test_the_mean_of_eigenvalues_is_over_those_that_are_there(rng):
    """Two parallel gradients and a third: two directions."""
    rows = jacobian(rng, 1.0, 3)
    rows[1] = 2 * rows[0]
    values, vectors = np.linalg.eigh(rows @ rows.T)
    root = np.sqrt(values[1:].mean() / values[1:])
    expected = vectors[:, 1:] @ np.diag(root) @ vectors[:, 1:].T @ np.full(3, 1 / 3)
    np.testing.assert_allclose(weights("aligned_mtl", rows, scale="rmse"), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "options", "power"), [("nash_mtl", {}, 1.0), ("fairgrad", {"alpha": 2.0}, 0.5)]
)
def test_fair_weights(rows, name, options, power):
    """(G w)_k w_k^(1/alpha) is the same for all tasks."""
    w = weights(name, rows, **options)
    assert (w > 0).all()
    product = (rows @ rows.T @ w) * w**power
    np.testing.assert_allclose(product, product[0], rtol=1e-4)


KINDS = ("random", "dependent", "opposite", "low rank")
RATIOS = (1.0, 1e2, 1e4, 1e5)
SLOW = (4, 5, 6, 7, 8, 30)
TASKS = (2, 3, 14, *(pytest.param(count, marks=pytest.mark.slow) for count in SLOW))
ALL_FACES = 8  # tasks of which the references below look at all faces


def of_a_kind(rng, kind, ratio, tasks):
    rows = jacobian(rng, 1.0, tasks)
    if kind == "dependent":
        rows[: tasks // 2 + 1] = rng.standard_normal((tasks // 2 + 1, 1)) * rows[0]
    if kind == "opposite":
        rows[1] = -rows[0]
    if kind == "low rank":
        rows = rng.standard_normal((tasks, tasks // 2 + 1)) @ rows[: tasks // 2 + 1]
    lengths = rng.permutation(ratio ** -np.linspace(0, 1, tasks))
    rows *= (lengths / np.linalg.norm(rows, axis=1))[:, None]
    return rows.astype(np.float32).astype(np.float64)


def of_every_kind(tasks):
    rng = np.random.default_rng(tasks)
    return [of_a_kind(rng, kind, ratio, tasks) for kind in KINDS for ratio in RATIOS for _ in range(3)]


def solved(name, tasks, **options):
    """[(rows, weights in float32)] of every kind and ratio."""
    given = of_every_kind(tasks)
    return zip(given, at_once(name, given, **options)[0])


def faces(tasks):
    for size in range(1, tasks + 1):
        yield from map(list, itertools.combinations(range(tasks), size))


def shortest_of_many(rows):
    size = np.linalg.norm(rows, axis=1).max()
    system = np.vstack([rows.T / size, np.ones(len(rows))])
    x, _ = nnls(system, np.append(np.zeros(rows.shape[1]), 1.0), maxiter=10_000)
    return ((x / x.sum() @ rows) ** 2).sum()


def shortest(rows):
    """The least squared length in the convex hull, in float64: by all faces or, of many tasks, from the
    x >= 0 with the least |rows^T x|^2 + (sum x - 1)^2, which points the same way.
    """
    if len(rows) > ALL_FACES:
        return shortest_of_many(rows)
    least = min((rows**2).sum(1))
    for face in faces(len(rows)):
        v = np.linalg.pinv(rows[face] @ rows[face].T, rcond=1e-15) @ np.ones(len(face))
        if (v >= 0).all() and v.sum() > 0:
            least = min(least, ((v / v.sum() @ rows[face]) ** 2).sum())
    return least


@pytest.mark.parametrize("tasks", TASKS)
def test_the_shortest_in_the_hull(tasks):
    for rows, w in solved("mgda", tasks):
        assert (w >= 0).all() and abs(w.sum() - 1) < 1e-6
        rounding = ((w * np.linalg.norm(rows, axis=1)) ** 2).sum()
        assert ((w @ rows) ** 2).sum() <= (1 + 1e-4) * shortest(rows) + 1e-6 * rounding


def cosines(rows):
    """(unit gradients, their rank): what is left of one beside the others is rounding or above 1e-4."""
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit, np.linalg.matrix_rank(unit, tol=1e-4)


@pytest.mark.parametrize("tasks", TASKS)
def test_equal_projections_as_far_as_there_are(tasks):
    even = 0
    for rows, w in solved("imtl_g", tasks):
        unit = cosines(rows)[0]
        found = np.linalg.pinv(unit @ unit.T, rcond=1e-4, hermitian=True) @ np.ones(tasks)
        if (unit.T @ found) @ unit.T.sum(1) < 1e-6 * tasks:  # of two opposite gradients
            even += 1
            np.testing.assert_allclose(w, 1 / tasks, rtol=1e-6)
            continue
        v = found / np.linalg.norm(rows, axis=1)
        np.testing.assert_allclose(w, v / v.sum(), atol=1e-4 * np.abs(v / v.sum()).max())
    assert (even > 0) == (tasks == 2)


@pytest.mark.parametrize("scale", ["min", "rmse"])
@pytest.mark.parametrize("tasks", TASKS)
def test_the_directions_that_are_there_are_aligned(tasks, scale):
    """With as many singular values as the gradients have rank; the step is compared, for along a combination
    of gradients that vanishes weights are free.
    """
    for rows, w in solved("aligned_mtl", tasks, scale=scale):
        rank = cosines(rows)[1]
        left, values = (part[..., :rank] for part in np.linalg.svd(rows, full_matrices=False)[:2])
        common = values.min() if scale == "min" else np.sqrt((values**2).mean())
        expected = common * (left / values) @ (left.T @ np.full(tasks, 1 / tasks)) @ rows
        largest = np.linalg.norm(expected) + 1e-6 * common
        assert np.linalg.norm(w @ rows - expected) < 1e-4 * largest


@pytest.mark.parametrize(("name", "power"), [("nash_mtl", 1.0), ("fairgrad", 0.5)])
@pytest.mark.parametrize("tasks", TASKS)
def test_fair_weights_where_there_are_any_and_a_bounded_step_elsewhere(name, power, tasks):
    """Gradients that cancel, with positive weights, have none: (G w)_k w_k^(1/alpha) cannot be the same."""
    fair, given = 0, of_every_kind(tasks)
    for rows, w, instead in zip(given, *at_once(name, given)):
        assert (w > 0).all()
        assert np.linalg.norm(w @ rows) < 40 * np.linalg.norm(rows, axis=1).max()
        if shortest_of_many(cosines(rows)[0]) > 5e-2:
            assert not instead
        if not instead:
            fair += 1
            product = (rows @ rows.T @ w) * w**power
            # weights that nearly cancel grow, and float32's rounding with their square
            alone = (np.linalg.norm(rows, axis=1) ** 2 / (rows**2).sum(1).mean()) ** (-1 / (1 + power))
            near = (w / alone).max() > 30
            np.testing.assert_allclose(product, product.mean(), rtol=2e-3 if near else 1e-4)
    assert fair >= 12  # of the random ones


def least_above(gram, bound):
    """argmin v^T G v with v >= bound in float64: by all choices of the tasks on their bound or, of many, by
    non-negative least squares.
    """
    if len(bound) > ALL_FACES:
        root = np.linalg.cholesky(gram).T
        return bound + nnls(root, -root @ bound, maxiter=10_000)[0]
    best, least = bound, bound @ gram @ bound
    for free in faces(len(bound)):
        v = bound.copy()
        v[free] = 0
        v[free] = np.linalg.solve(gram[np.ix_(free, free)], -(gram @ v)[free])
        if (v >= bound - 1e-12).all() and v @ gram @ v < least:
            best, least = v, v @ gram @ v
    return best


@pytest.mark.parametrize("name", ["upgrad", "dualproj"])
@pytest.mark.parametrize("tasks", TASKS)
def test_projections_onto_the_cone_without_conflict(name, tasks):
    for rows, w in solved(name, tasks):
        gram = rows @ rows.T
        system = gram / np.trace(gram) + 1e-4 * np.eye(tasks)
        bounds = np.eye(tasks) / tasks if name == "upgrad" else [np.full(tasks, 1 / tasks)]
        expected = sum(least_above(system, np.asarray(bound)) for bound in bounds)
        short = w - expected
        assert short @ system @ short < 5e-5**2 * expected @ system @ expected


@pytest.mark.parametrize("tasks", TASKS)
def test_equal_angles(tasks):
    """The pseudo-inverse of the unit gradients, with the length that their projections add up to."""
    for rows, w in solved("config_mtl", tasks):
        unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        direction = np.linalg.pinv(unit, rcond=1e-4) @ np.ones(tasks)
        if np.linalg.norm(direction) < 1e-6:  # there is none
            continue
        expected = direction * (rows @ direction).sum() / (direction @ direction)
        scale = np.linalg.norm(direction) * abs(rows @ direction).sum() / (direction @ direction)
        rounding = 1e-6 * np.linalg.norm(rows, axis=1).max()  # of the sum of projections
        assert np.linalg.norm(w @ rows - expected) < 1e-4 * scale + rounding


def worst_off(rows, c):
    """The largest min_k g_k . d in the ball |d - g_0| <= c |g_0|, in units of |g_0|^2: a cone programme."""
    lengths, mean = np.linalg.norm(rows, axis=1), rows.mean(0)
    size = np.linalg.norm(mean)
    _, values, basis = np.linalg.svd(rows / lengths[:, None])
    inner = rows @ basis[: (values > 1e-9).sum()].T / lengths[:, None]
    gain = lambda x: (rows @ mean / lengths + c * size * inner @ x[:-1]) / size - x[-1] * size / lengths
    inside = lambda x: 1 - x[:-1] @ x[:-1]
    slopes = np.hstack([c * inner, -(size / lengths)[:, None]])
    found = minimize(
        lambda x: -x[-1],
        np.zeros(inner.shape[1] + 1),
        jac=lambda x: -np.eye(len(x))[-1],
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
        constraints=[
            {"type": "ineq", "fun": gain, "jac": lambda x: slopes},
            {"type": "ineq", "fun": inside, "jac": lambda x: np.append(-2 * x[:-1], 0)},
        ],
    )
    y = found.x[:-1] / max(1, np.linalg.norm(found.x[:-1]))
    return min(rows @ mean / size**2 + c / size * lengths * (inner @ y))


@pytest.mark.parametrize("tasks", TASKS)
def test_the_worst_off_task_within_the_ball(tasks):
    """CAGrad, also where two gradients are opposite: no other direction in the ball does more for it."""
    c = 0.5
    for rows, w in solved("cagrad", tasks, c=c):
        direction, mean = w @ rows, rows.mean(0)
        size = np.linalg.norm(mean)
        if size < 1e-6:  # of two opposite gradients
            continue
        assert np.linalg.norm(direction - mean) < c * size * (1 + 1e-3)
        # a mean that nearly cancels is known to the rounding of what it is made of
        rounding = 1e-6 * (np.linalg.norm(rows, axis=1).max() / size) ** 2
        # where gradients nearly cancel, so is the direction that is added
        bound = 1e-4 if shortest_of_many(cosines(rows)[0]) > 1e-4 else 1e-3
        assert min(rows @ direction) / size**2 > worst_off(rows, c) - bound - rounding


@pytest.mark.parametrize(
    "rows", [[[1.0, 0.0], [-0.5, 0.0]], [[1.0, 0.0], [-1.0, 0.3]], [[1.0, 0.0], [-1.0, 0.0]]]
)
def test_no_ball_leaves_the_mean_gradient(rows):
    np.testing.assert_array_equal(weights("cagrad", np.array(rows), c=0.0), [0.5, 0.5])


def test_one_task_alone_is_aligned_with_itself():
    np.testing.assert_allclose(weights("aligned_mtl", np.array([[3.0, 4.0]])), [1.0], rtol=1e-6)


SOLVERS = (
    "mgda",
    "config_mtl",
    "aligned_mtl",
    "imtl_g",
    "cagrad",
    "upgrad",
    "dualproj",
    "nash_mtl",
    "fairgrad",
)


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("tasks", [3, 9])
def test_float32_gradients_in_a_process_of_64_bits(name, tasks):
    """Their rounding is float32's there, too, and so is the weights' type."""
    rows = np.random.default_rng(0).standard_normal((tasks, 12)).astype(np.float32)
    rows[1] = -0.7 * rows[0]
    strategy, names = getattr(all_weightings, name)(), tuple(map(str, range(tasks)))
    found = {}
    with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"):
        for dtype in (np.float32, np.float64):
            gram = jnp.asarray(rows.astype(dtype) @ rows.astype(dtype).T)
            signals = Signals(jnp.ones(tasks, dtype), gram=gram)
            weights = jax.jit(strategy.update)(signals, strategy.init(names))[0]
            assert weights.dtype == dtype
            found[dtype] = np.asarray(weights) @ rows
    np.testing.assert_allclose(found[np.float32], found[np.float64], atol=2e-4)
