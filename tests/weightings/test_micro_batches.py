"""A step in micro-batches or over devices is the step on the whole batch, whatever labels are missing where.

Every strategy against sums over labelled samples in float64.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dmljax import plugins, weightings
from dmljax.losses.reduce import masked_mean
from dmljax.weightings import Losses, Signals, Weighting, value_and_grad

TASKS, ROWS, RATE = ("a", "b", "c"), 16, 0.03
OWNERS = np.array([0, 1, 2, 2])  # the third loss is the sum of two means
# labels [rows, means] by how many of the four rows of each quarter have one
PATTERNS = {
    "unequal": [(1, 4, 1, 2), (4, 1, 3, 2), (0, 4, 0, 1), (2, 1, 0, 4)],
    "missing in one quarter": [(4, 0, 4, 4), (4, 4, 4, 4), (4, 4, 4, 4), (4, 4, 4, 4)],
    "missing in all but one": [(4, 0, 0, 1), (4, 0, 0, 4), (4, 3, 2, 0), (4, 0, 0, 4)],
    "missing in all": [(1, 0, 2, 0), (4, 0, 4, 0), (2, 0, 0, 0), (3, 0, 1, 0)],
    "complete": [(4, 4, 4, 4)] * 4,
}
OPTIONS = {"dwa": {"window": 1}, "single": {"task": "b"}}
# (micro-batches, devices)
WAYS = [(4, 1), (2, 1), (1, 2), (1, 4), (2, 2), (None, 1), (None, 4)]
KINDS = ["equal", "famo", "upgrad", "db_mtl", "sdmgrad"]  # one for each way to come by a gradient
FAST = [("equal", (None, 4)), ("upgrad", (2, 2)), ("db_mtl", (4, 1)), ("sdmgrad", (4, 1)), ("famo", (1, 2))]


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"):
        yield


@pytest.fixture
def params():
    rng = np.random.default_rng(3)
    return {"trunk": rng.standard_normal((5, 4)), "heads": rng.standard_normal((4, 4))}


def batches():
    """Inputs [rows, 5], targets [rows, means] and which there are; which rows have them is drawn."""
    rng = np.random.default_rng(4)
    for counts in PATTERNS.values():
        known = np.concatenate([np.stack([rng.permutation(4) < n for n in quarter], 1) for quarter in counts])
        x, y = rng.standard_normal((ROWS, 5)), rng.standard_normal((ROWS, 4)) * [1.0, 2.0, 0.5, 3.0] + 0.3
        yield x, np.where(known, y, 99.0), known


def means_of(params, x, y, known, axis_name=None):
    """A device's means of its own and their counts; with an axis, shares and the counts of all devices."""
    errors = (x @ params["trunk"] @ params["heads"] - y) ** 2
    return zip(*(masked_mean(errors[:, k], known[:, k], axis_name=axis_name) for k in range(4)))


def losses_fn(params, x, y, known, axis_name=None):
    means, counts = means_of(params, x, y, known, axis_name)
    named = lambda row: dict(zip(TASKS, (row[0], row[1], (row[2], row[3]))))
    return Losses(named(means), counts=named(counts))


def by_hand(params, batch):
    """Losses [K], gradients by task on the trunk [K, 5, 4] and on the heads [K, 4, 4], sample by sample."""
    losses, trunk, heads = np.zeros(3), np.zeros((3, 5, 4)), np.zeros((3, 4, 4))
    for k, task in enumerate(OWNERS):
        rows = [(x, y[k]) for x, y, known in zip(*batch) if known[k]]
        for x, target in rows:
            error = x @ params["trunk"] @ params["heads"][:, k] - target
            losses[task] += error**2 / len(rows)
            trunk[task] += 2 * error * np.outer(x, params["heads"][:, k]) / len(rows)
            heads[task][:, k] += 2 * error * (x @ params["trunk"]) / len(rows)
    return losses, trunk, heads


def expected_steps(strategy, params):
    """(losses, weights, gradient, state) of every step on the whole batch, with sums by hand."""
    state, update = strategy.init(TASKS, params["trunk"]), jax.jit(strategy.update)
    flat = lambda rows: rows.reshape(3, -1)
    for step, batch in enumerate(batches()):
        losses, trunk, heads = by_hand(params, batch)
        valid = np.array([batch[2][:, OWNERS == k].any() for k in range(3)])
        key = jax.random.key(step) if "rng" in strategy.needs else None
        seen = Signals(jnp.array(losses), valid=jnp.array(valid), step=jnp.int32(step), rng=key).filled()
        if strategy.transform is not None:
            trunk, state = jax.jit(strategy.transform)(jnp.array(trunk), seen, state)
            trunk = np.asarray(trunk)
        halves = [by_hand(params, [x[rows] for x in batch])[1] for rows in (slice(8), slice(8, None))]
        grams = {"gram": jnp.array(flat(trunk) @ flat(trunk).T)}
        grams["cross_gram"] = jnp.array(flat(halves[0]) @ flat(halves[1]).T)
        seen = seen._replace(**grams)
        weights, state, _ = update(seen, state)
        w = np.asarray(weights)
        gradient = {"trunk": np.tensordot(w, trunk, 1), "heads": np.tensordot(w, heads, 1)}
        params = {key: value - RATE * gradient[key] for key, value in params.items()}
        if strategy.post is not None:
            state = jax.jit(strategy.post)(seen, jnp.array(by_hand(params, batch)[0]), state)
        yield losses, w, gradient, jax.device_get(state)


def steps(strategy, params, micro_batches, devices, losses_fn=losses_fn, **settings):
    """The same by `value_and_grad`."""
    axis_name = "data" if devices > 1 else None
    f = value_and_grad(
        losses_fn, strategy, shared="trunk", micro_batches=micro_batches, axis_name=axis_name, **settings
    )
    state = strategy.init(TASKS, f.shared(params))

    def take(params, state, key, step, *batch):
        (losses, weights, _), gradient, state = f(params, state, *batch, rng=key, step=step)
        params = {name: value - RATE * gradient[name] for name, value in params.items()}
        return list(losses.values()), list(weights.values()), gradient, params, f.post(params, state, *batch)

    take = jax.jit(take) if devices == 1 else over(devices, take)
    for step, batch in enumerate(batches()):
        rows = [x.reshape(micro_batches or 1, devices, -1, *x.shape[1:]).swapaxes(0, 1) for x in batch]
        rows = [x[:, 0] for x in rows] if micro_batches is None else rows
        rows = [x[0] for x in rows] if devices == 1 else rows
        losses, weights, gradient, params, state = take(params, state, jax.random.key(step), step, *rows)
        yield np.array(losses), np.array(weights), gradient, jax.device_get(state)


def over(devices, take):
    axes = (None, None, None, None, 0, 0, 0)
    mapped = jax.pmap(take, axis_name="data", in_axes=axes, devices=jax.devices()[:devices])
    return lambda *args: jax.tree.map(lambda x: np.asarray(x)[0], mapped(*args))


def agree(found, expected, tolerance=1e-6):
    for pattern, got, wanted in zip(PATTERNS, found, expected, strict=True):
        for name, a, b in zip(("losses", "weights", "gradient", "state"), got, wanted, strict=True):
            jax.tree.map(
                partial(
                    np.testing.assert_allclose, rtol=tolerance, atol=tolerance, err_msg=f"{name}, {pattern}"
                ),
                a,
                b,
            )


def strategy_of(name):
    return plugins.load("weightings", name).build(**OPTIONS.get(name, {}))


def marked(values, fast):
    return pytest.param(*values, marks=[] if fast else [pytest.mark.slow])


@pytest.mark.parametrize("name", KINDS)
def test_four_micro_batches_are_the_batch(name, params):
    strategy = strategy_of(name)
    agree(steps(strategy, params, 4, 1), expected_steps(strategy, params))


@pytest.mark.parametrize(
    ("name", "way"),
    [
        marked((name, way), (name, way) in FAST)
        for name in KINDS
        for way in WAYS
        if name != "sdmgrad" or way[0] in (2, 4)  # it needs two halves
    ],
)
def test_micro_batches_are_devices_are_the_batch(name, way, params):
    strategy = strategy_of(name)
    agree(steps(strategy, params, *way), expected_steps(strategy, params))


@pytest.mark.slow
@pytest.mark.parametrize("name", plugins.names("weightings"))
def test_two_micro_batches_on_two_devices_are_the_batch(name, params):
    strategy = strategy_of(name)
    agree(steps(strategy, params, 2, 2), expected_steps(strategy, params))


@pytest.mark.parametrize("name", ["equal", "sdmgrad"])
def test_shares_and_the_counts_of_all_devices_do_as_well(name, params):
    strategy = strategy_of(name)
    shares = partial(losses_fn, axis_name="data")
    agree(steps(strategy, params, 2, 2, shares), expected_steps(strategy, params))


@pytest.mark.parametrize("way", [(4, 1), (2, 2)])
def test_inner_products_on_a_representation(way, params):
    """Gradients on the representation, a row a sample, by hand."""
    watch = Weighting(
        lambda tasks: jnp.zeros((3, 3)), lambda s, _: (jnp.ones(3), s.gram, {}), frozenset({"gram"})
    )

    def at(params, x, y, known, offset=None):
        z = x @ params["trunk"] + (0.0 if offset is None else offset)
        return losses_fn({"trunk": jnp.eye(4), "heads": params["heads"]}, z, y, known)

    encode = lambda params, x, y, known: x @ params["trunk"]
    found = steps(watch, params, *way, at, representation=encode)
    for (losses, _, _, gram), (x, y, known) in zip(found, batches(), strict=True):
        rows = np.zeros((3, ROWS, 4))
        for k, task in enumerate(OWNERS):
            errors = np.where(known[:, k], x @ params["trunk"] @ params["heads"][:, k] - y[:, k], 0.0)
            rows[task] += 2 * np.outer(errors, params["heads"][:, k]) / max(known[:, k].sum(), 1)
        np.testing.assert_allclose(losses, by_hand(params, (x, y, known))[0], rtol=1e-6)
        np.testing.assert_allclose(gram, np.einsum("inz,jnz->ij", rows, rows), rtol=1e-6, atol=1e-9)
        break  # later steps have other parameters


def test_heads_in_full(params):
    strategy = weightings.mgda()
    for unit, (_, _, weighted, _), batch in zip(
        steps(strategy, params, 4, 1, heads="unit"), expected_steps(strategy, params), batches()
    ):
        np.testing.assert_allclose(unit[2]["trunk"], weighted["trunk"], rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(unit[2]["heads"], by_hand(params, batch)[2].sum(0), rtol=1e-6, atol=1e-9)
        break


@pytest.mark.parametrize("strategy", [weightings.equal(), weightings.gls()], ids=["at once", "apart"])
def test_without_counts_the_valid_micro_batches_count_the_same(strategy):
    """A loss and its gradient: the mean over micro-batches 0 and 2, here 2 and 6."""

    def at(w, x, valid):
        return Losses({"a": w * x, "b": 5.0 * w}, {"a": valid, "b": True})

    f = value_and_grad(at, strategy, micro_batches=3)
    state, valid = strategy.init(("a", "b")), jnp.array([True, False, True])
    (losses, weights, _), gradient, _ = f(jnp.array(1.0), state, jnp.array([2.0, 77.0, 6.0]), valid)
    assert float(losses["a"]) == 4.0 and float(losses["b"]) == 5.0
    assert float(gradient) == pytest.approx(4.0 * weights["a"] + 5.0 * weights["b"])


def test_counting_ahead_runs_no_network(params):
    """As many matrix products as without counts: labels are counted alone."""
    plain = lambda *args: list(losses_fn(*args).values.values())[:2]
    counted = lambda *args: Losses(plain(*args), counts=list(losses_fn(*args).counts.values())[:2])
    rows = [x.reshape(4, 4, -1) for x in next(batches())]
    number = {}
    for name, function in (("plain", plain), ("counted", counted)):
        f = value_and_grad(function, weightings.equal(), micro_batches=4)
        number[name] = jax.jit(f).lower(params, (), *rows).as_text().count("dot_general")
    assert number["plain"] == number["counted"] > 0


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            lambda w: Losses({"a": w, "b": w}, counts={"a": 1, "c": 1}),
            "counts must name the tasks .* a, b; got",
        ),
        (lambda w: Losses([w, (w, w)], counts=[1, 1]), "counts must be of the form of the losses"),
        (lambda w: Losses([w, (w, w)]), "losses, 1: expected a scalar, got tuple"),
        (
            lambda w: Losses([w], counts=jnp.array([1j])),
            "counts must be 1 real numbers; got an array complex",
        ),
    ],
)
def test_what_are_no_counts(given, told):
    with pytest.raises(TypeError, match=told):
        value_and_grad(given, weightings.equal())(jnp.array(1.0), ())


@pytest.mark.parametrize("name", KINDS)
def test_micro_batches_inside_a_shard_map_that_checks(name, params):
    """It takes values of devices for different ones, and a loop's carry has to begin as that, too."""
    strategy, batch = strategy_of(name), next(batches())
    split = [x.reshape(2, 2, -1, *x.shape[1:]) for x in batch]  # [micro-batch, device, rows, ...]
    rows = jax.sharding.PartitionSpec(None, "data")
    mesh = jax.make_mesh((2,), ("data",), axis_types=(jax.sharding.AxisType.Auto,), devices=jax.devices()[:2])
    key, results = jax.random.key(0), []
    for axis_name in (None, "data"):
        f = value_and_grad(losses_fn, strategy, shared="trunk", micro_batches=2, axis_name=axis_name)
        state = strategy.init(TASKS, f.shared(params))
        take = lambda *args, f=f: f(*args, rng=key, step=jnp.int32(0))
        if axis_name:
            none = jax.sharding.PartitionSpec()
            take = jax.shard_map(take, mesh=mesh, in_specs=(none, none, *[rows] * 3), out_specs=none)
        flat = [x.reshape(2, -1, *x.shape[3:]) for x in split]
        results.append(jax.jit(take)(params, state, *flat))
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-6, atol=1e-6), *results)
