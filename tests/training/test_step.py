"""The step on one device and on several, with one micro-batch and several."""

import dataclasses
from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dmljax import plugins
from dmljax.augmentations import rand_augment, rotate
from dmljax.backbones import resnet
from dmljax.models.dmlnet import DMLNet, perturbed
from dmljax.models.regions import REGIONS
from dmljax.training import augment, mix, optimizer, phases, state
from dmljax.training.devices import replicate
from dmljax.training.objective import Options, task_losses, terms
from dmljax.training.step import SEED, Program, conflict_step, train_step
from dmljax.types import AXIS, IMAGE, INDEX, LABELS
from dmljax.weightings import Weighting
from dmljax.weightings.strategies import dwa, equal
from tests.training.results import shares

pytestmark = pytest.mark.usefixtures("standard_promotion")

SIZE, TUPLES = 24, 8


def network(axis_name=AXIS, branches=("face", "mouth")):
    """Small: compiling it, on one device and on four, is nearly all that these tests take."""
    return DMLNet(
        partial(resnet.build, depth=18, width=4, stages=(1,), axis_name=axis_name),
        4,
        3,
        fused=12,
        embedding=6,
        hidden=8,
        deviation=0.3,
        softmax_deviation=0.3,
        branches=branches,
    )


@cache
def initial(net=None):
    """The first parameters and statistics, whatever the device axis."""
    images = jnp.zeros((1, SIZE, SIZE, 3))
    net = net or network(None)
    return jax.jit(partial(net.init, train=False))(jax.random.key(0), images)


def program(weighting, net, **fields):
    losses = fields.pop("losses", Options(anchors="all"))
    first = fields.pop("first_steps", 0)
    # A large epsilon makes Adam nearly linear, so that rounding is not blown up where a gradient is nearly
    # zero.
    adam = optimizer.build(learning_rate=0.05, epsilon=0.1, clip=5.0, weight_decay=1e-3)
    active = partial(
        phases.active,
        tasks=losses.tasks,
        starts={"pose": first},
        turns=("expression", "triplet"),
        turns_until=first,
        turn_steps=2,
    )
    return Program(
        net.apply,
        terms(losses),
        (1.0,) * len(losses.tasks),
        weighting,
        adam,
        active,
        mirror=(2, 1, 0),
        ema=0.9,
        **{"augment": augment.Options(flip=0.5)} | fields,
    )


def batches(count, accumulate=1, seed=0):
    rng = np.random.default_rng(seed)
    n = accumulate * TUPLES * 5
    for _ in range(count):
        yield {
            INDEX: np.arange(n, dtype=np.int32),
            IMAGE: rng.integers(0, 256, (n, SIZE, SIZE, 3)).astype(np.uint8),
            **{key: rng.integers(-1, k, n).astype(np.int32) for key, k in zip(LABELS, (4, 3, 4))},
        }


def spread(batch, devices, accumulate):
    rows = {
        k: np.ascontiguousarray(v.reshape((accumulate, devices, -1) + v.shape[1:]).swapaxes(0, 1))
        for k, v in batch.items()
    }
    return rows | {SEED: np.full(devices, 3, np.uint32)}


def undivided(batch):
    return {k: v[None] for k, v in batch.items()} | {SEED: np.uint32(3)}


def run(devices, weighting, *, steps=13, accumulate=1, shape=None, **fields):
    shape = shape or {}
    net = network(**shape)
    made = program(weighting, net, **fields)
    variables = initial(network(**shape | {"axis_name": None}))
    held = state.create(variables, made.optimizer, weighting, tuple(made.terms))
    held = replicate(held, jax.devices()[:devices])
    traced = []

    def counted(s, b):
        traced.append(1)
        return train_step(s, b, made, axis_name=AXIS)

    step = jax.pmap(counted, axis_name=AXIS, devices=jax.devices()[:devices])
    logs = []
    for batch in batches(steps, accumulate):
        held, scalars = step(held, spread(batch, devices, accumulate))
        logs.append({k: np.asarray(v) for k, v in scalars.items()})
    assert len(traced) == 1, "the step was traced more than once"
    assert all(np.all(v == v[0]) for v in logs[-1].values()), "the devices disagree"
    return jax.device_get(jax.tree.map(lambda x: x[0], held)), [
        {k: float(v[0]) for k, v in log.items()} for log in logs
    ]


def close(a, b, tolerance=1e-5):
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance), a, b)


@pytest.mark.slow
def test_any_number_of_devices_mixes_and_augments_as_one_does():
    """Five-tuples are whole on a device, and every row is drawn by its number in the global batch."""
    of_images = {"shift": 0.1, "scale": 0.1, "brightness": 0.2, "contrast": 0.2, "erase": 0.5}
    options = augment.Options(flip=0.5, **of_images, chain=(rand_augment.build(), rotate.build()))
    fields = {"mix": mix.Options(0.3, 0.3), "augment": options, "shape": {"branches": REGIONS}}
    one, two = (run(devices, equal.build(), steps=3, **fields) for devices in (1, 4))
    for a, b in zip(one[1], two[1], strict=True):
        assert a == pytest.approx(b, rel=1e-4, abs=1e-5)
    close(one[0], two[0], 1e-4)


@pytest.fixture(scope="module")
def alone(standard_promotion):
    return run(1, dwa.build(window=3))


@pytest.mark.parametrize(
    "devices", [pytest.param(2, marks=pytest.mark.slow), 4, pytest.param(8, marks=pytest.mark.slow)]
)
def test_any_number_of_devices_gives_what_one_gives(alone, devices):
    """Parameters, statistics, moments, moving averages and DWA's state after 13 steps: two windows and one
    step.
    """
    together = run(devices, dwa.build(window=3))
    close(alone[0], together[0])
    close(alone[1], together[1], 2e-5)
    assert any(log["weight/expression"] != pytest.approx(2 / 3, abs=1e-4) for log in alone[1])


@pytest.mark.slow
def test_micro_batches_over_devices():
    one, many = (run(d, dwa.build(window=2), steps=5, accumulate=2) for d in (1, 4))
    close(one[0], many[0])


@pytest.mark.slow
def test_gradients_are_those_of_the_whole_batch_without_any_axis():
    """The pmapped update of one step against the same step without a device axis."""
    net = network(None)
    made = program(equal.build(), net)
    variables = initial()
    held = state.create(variables, made.optimizer, made.weighting, tuple(made.terms))
    (batch,) = batches(1)
    expected, logs = jax.jit(partial(train_step, program=made, axis_name=None))(held, undivided(batch))
    found, spread_logs = run(4, equal.build(), steps=1)
    close(expected, found)
    assert spread_logs[0]["gradient/norm"] == pytest.approx(float(logs["gradient/norm"]), rel=1e-5)


@pytest.mark.slow
def test_a_strategy_may_weigh_by_the_gradients_of_the_tasks():
    """`gram` is the matrix of inner products; weighting by it on one device and on four is the same."""
    seen = []

    def update(signals, held):
        seen.append(signals.gram.shape)
        norm = jnp.sqrt(jnp.diag(signals.gram))
        return norm.mean() / jnp.maximum(norm, 1e-6), held, {"norm": norm[0]}

    strategy = Weighting(lambda tasks: (), update, frozenset({"gram"}))
    one, four = (run(d, strategy, steps=2) for d in (1, 4))
    close(one[0], four[0])
    assert set(seen) == {(3, 3)} and one[1][0]["weighting/norm"] > 0


@pytest.mark.slow
def test_per_task_gradients_add_up_to_the_weighted_one():
    unit = Weighting(
        lambda tasks: (), lambda s, held: (jnp.array([0.3, 1.0, 2.0]), held, {}), frozenset({"gram"})
    )
    plain = dataclasses.replace(unit, needs=frozenset())
    close(run(1, unit, steps=2)[0], run(1, plain, steps=2)[0])


@pytest.mark.slow
def test_strategies_that_need_losses_see_all_micro_batches():
    """w = 1 / L with L the mean over the micro-batches: the weighted sum of the losses is the number of
    tasks.
    """
    inverse = Weighting(lambda tasks: (), lambda s, held: (1 / s.losses, held, {}), frozenset({"losses"}))
    _, logs = run(1, inverse, steps=1, accumulate=2)
    assert logs[0]["loss/weighted"] == pytest.approx(3.0, rel=1e-5)


def test_a_frozen_head_stays_as_it_was_moments_and_all():
    start, _ = run(1, equal.build(), steps=1, first_steps=2)
    before = initial()["params"]
    close(start.params["pose_head"], before["pose_head"], 0)
    assert int(start.optimizer["pose_head"].count) == 0 and int(start.optimizer["trunk"].count) == 1
    later, logs = run(1, equal.build(), steps=3, first_steps=2)
    assert int(later.optimizer["pose_head"].count) == 1
    assert [(log["weight/expression"], log["weight/pose"], log["weight/triplet"]) for log in logs] == [
        (1, 0, 0),
        (1, 0, 0),
        (1, 1, 1),
    ]


@pytest.mark.slow
def test_the_resident_table_gives_what_images_in_the_batch_give():
    (batch,) = batches(1)
    net = network(None)
    made = program(equal.build(), net)
    variables = initial()
    held = state.create(variables, made.optimizer, made.weighting, tuple(made.terms))
    order = np.random.default_rng(0).permutation(len(batch[INDEX])).astype(np.int32)
    table = {k: v for k, v in batch.items() if k != INDEX}
    carried = undivided({INDEX: order, **{k: v[order] for k, v in table.items()}})
    step = jax.jit(partial(train_step, program=made, axis_name=None))
    (a, _), (b, _) = (
        step(held, carried),
        step(held, {INDEX: order[None], "table": table, SEED: carried[SEED]}),
    )
    close(a, b, 0)
    other, _ = step(held, carried | {SEED: np.uint32(4)})
    assert step._cache_size() == 2, "another seed must be no other program"
    assert max(jax.tree.leaves(jax.tree.map(lambda x, y: np.abs(x - y).max(), a.params, other.params))) > 1e-4


@pytest.mark.slow
def test_mining_per_device_is_another_thing(alone):
    losses = Options(anchors="all", scope="device")
    other, _ = run(4, dwa.build(window=3), losses=losses)
    differences = jax.tree.map(lambda x, y: np.abs(x - y).max(), alone[0].params, other.params)
    assert max(jax.tree.leaves(differences)) > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("group", [1, 2])
def test_groups_of_devices_have_their_own_statistics(group):
    """Each normalises by its own images; the running statistics are means over the groups."""
    shape = {"axis_name": None if group == 1 else AXIS}
    found, _ = run(4, equal.build(), steps=1, shape=shape, norm_group=group, augment=augment.Options())
    (batch,) = batches(1)
    alone = jax.jit(partial(network(None).apply, train=True, mutable=["batch_stats"]))
    parts = np.split(batch[IMAGE], 4 // group)
    each = [alone(initial(), images)[1]["batch_stats"] for images in parts]
    close(found.batch_stats, jax.tree.map(lambda *s: sum(s) / len(s), *each))
    whole, _ = run(4, equal.build(), steps=1, augment=augment.Options())
    apart = jax.tree.map(lambda x, y: np.abs(x - y).max(), found.batch_stats, whole.batch_stats)
    assert max(jax.tree.leaves(apart)) > 1e-3


@pytest.mark.slow
def test_groups_of_two_devices_train_as_two_devices_by_themselves():
    """Gradients too go through a group alone; two micro-batches, whose statistics follow each other."""
    how = {"steps": 3, "accumulate": 2}
    groups, _ = run(4, equal.build(), norm_group=2, **how)
    single, _ = run(2, equal.build(), norm_group=1, shape={"axis_name": None}, **how)
    close(groups, single)


STRATEGIES = [
    ("mgda", "rep", 1),
    ("upgrad", "shared", 1),
    ("famo", "shared", 1),
    ("db_mtl", "shared", 1),
    ("pcgrad", "rep", 2),
    ("sdmgrad", "shared", 2),
    ("rlw", "shared", 1),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "source", "accumulate"), STRATEGIES)
def test_strategies_on_one_device_and_on_four(name, source, accumulate):
    """Every kind of need: Gram matrices on parameters and on f2, the whole Jacobian, a second forward pass,
    two samples, random keys.
    """
    strategy = plugins.load("weightings", name).build()
    one, four = (run(d, strategy, steps=3, accumulate=accumulate, gradients_on=source) for d in (1, 4))
    close(one[0], four[0])
    close(one[1], four[1], 5e-5)


@pytest.mark.slow
def test_graddrop_on_one_device_and_on_four():
    """Gradients drop out at random by a threshold, and rounding decides for the few that lie on it; the rest
    agree.
    """
    one, four = (run(d, plugins.load("weightings", "graddrop").build(), steps=1)[0].params for d in (1, 4))
    apart = [np.abs(a - b) > 1e-5 for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(four))]
    assert sum(x.sum() for x in apart) < 0.005 * sum(x.size for x in apart)


@pytest.mark.slow
def test_the_gram_matrix_of_the_representation():
    """Inner products of per-sample gradients on f2, taken by adding to f2 by hand; and one trunk pull-back
    gives the weighted sum.
    """
    net, seen = network(None), []

    def update(signals, held):
        seen.append(signals.gram)
        return (
            jnp.array([0.3, 1.0, 2.0]),
            held,
            {f"g{i}{j}": signals.gram[i, j] for i in range(3) for j in range(3)},
        )

    strategy = Weighting(lambda tasks: (), update, frozenset({"gram"}))
    made = program(strategy, net, gradients_on="rep")._replace(augment=augment.Options())
    variables = initial()
    held = state.create(variables, made.optimizer, strategy, tuple(made.terms))
    (batch,) = batches(1)
    rows = undivided(batch)
    after, logs = jax.jit(partial(train_step, program=made, axis_name=None))(held, rows)
    params = {"params": variables["params"], "batch_stats": variables["batch_stats"]}

    def losses(offset):
        outputs, _ = net.apply(
            perturbed(params, offset),
            jnp.asarray(batch[IMAGE], jnp.float32),
            train=True,
            mutable=["batch_stats"],
        )
        return shares(task_losses(outputs, {k: jnp.asarray(batch[k]) for k in LABELS}, made.terms))

    jacobian = np.asarray(jax.jacrev(losses)(jnp.zeros((len(batch[INDEX]), 12))), np.float64).reshape(3, -1)
    found = np.array([[float(logs[f"weighting/g{i}{j}"]) for j in range(3)] for i in range(3)])
    np.testing.assert_allclose(found, jacobian @ jacobian.T, rtol=2e-4, atol=1e-7)
    fixed = Weighting(lambda tasks: (), lambda s, h: (jnp.array([0.3, 1.0, 2.0]), h, {}))
    plain = made._replace(weighting=fixed)
    expected, _ = jax.jit(partial(train_step, program=plain, axis_name=None))(
        state.create(variables, plain.optimizer, fixed, ("a", "b", "c")), rows
    )
    close(after.params, expected.params)


@pytest.mark.slow
@pytest.mark.parametrize(("needs", "source"), [((), "shared"), (("gram",), "rep"), (("gram",), "shared")])
def test_heads_may_be_trained_by_their_losses_in_full(needs, source):
    """`unit`: the trunk as weighted, the heads as under equal weights."""
    weights = jnp.array([0.1, 0.5, 2.0])
    strategy = Weighting(lambda tasks: (), lambda s, held: (weights, held, {}), frozenset(needs))
    unit, _ = run(1, strategy, steps=1, heads="unit", gradients_on=source)
    weighted, _ = run(1, strategy, steps=1, gradients_on=source)
    equally, _ = run(1, equal.build(), steps=1)
    # Clipping makes all groups depend on each other; the first moments before it differ by one common factor.
    ratio = lambda a, b, group: np.concatenate(
        [
            np.ravel(x / np.where(y == 0, np.nan, y))
            for x, y in zip(jax.tree.leaves(a.optimizer[group].mu), jax.tree.leaves(b.optimizer[group].mu))
        ]
    )
    for group in ("expression_head", "pose_head"):
        found = ratio(unit, equally, group)
        assert np.nanstd(found) < 1e-3 * abs(np.nanmean(found))
    assert np.nanstd(ratio(unit, weighted, "trunk")) < 1e-2 * abs(np.nanmean(ratio(unit, weighted, "trunk")))


@pytest.mark.slow
def test_conflicts_are_the_cosines_of_the_tasks_gradients():
    net = network(None)
    made = program(equal.build(), net)._replace(augment=augment.Options())
    variables = initial()
    held = state.create(variables, made.optimizer, made.weighting, tuple(made.terms))
    (batch,) = batches(1)
    found = jax.jit(partial(conflict_step, program=made, axis_name=None))(held, undivided(batch))

    def loss(params, task):
        outputs, _ = net.apply(
            {"params": params, "batch_stats": variables["batch_stats"]},
            jnp.asarray(batch[IMAGE], jnp.float32),
            train=True,
            mutable=["batch_stats"],
        )
        return shares(task_losses(outputs, {k: jnp.asarray(batch[k]) for k in LABELS}, made.terms))[task]

    rows = [
        np.concatenate(
            [np.ravel(g) for g in jax.tree.leaves(jax.grad(loss)(variables["params"], k)["trunk"])]
        )
        for k in range(3)
    ]
    assert float(found["conflict/norm_pose"]) == pytest.approx(np.linalg.norm(rows[1]), rel=1e-4)
    expected = rows[0] @ rows[2] / np.linalg.norm(rows[0]) / np.linalg.norm(rows[2])
    assert float(found["conflict/cosine_expression_triplet"]) == pytest.approx(expected, abs=1e-4)
