"""The task of the head's angles: its loss, what is not known, mirror and mixed images, parts of a batch."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dmljax import plugins
from dmljax.losses import huber_angles
from dmljax.training import augment, mix, optimizer, state
from dmljax.training.devices import replicate
from dmljax.training.heads import AnglesLoss
from dmljax.training.objective import Options, task_losses, terms
from dmljax.training.step import SEED, Program, conflict_step, eval_step, look_up, train_step
from dmljax.training.tasks import told
from dmljax.types import ANGLES, AXIS, EXPRESSION, IDENTITY, IMAGE, INDEX, POSE, Outputs

pytestmark = pytest.mark.usefixtures("standard_promotion")

ROWS, SIDE, BINS, WIDTH = 40, 6, 8, 30.0
TASKS = ("expression", "angles")
MIDDLES = WIDTH * (np.arange(BINS, dtype=np.float32) - (BINS - 1) / 2)


def apply(variables, images, *, train=False, mutable=None, rngs=None, binned=False):
    """A linear network with a head for expressions and one for angles."""
    params = variables["params"]
    embedding = images.reshape(len(images), -1) / 100.0 @ params["trunk"]["in"]
    found, logits = embedding @ params["angles_head"], None
    if binned:
        logits = found.reshape(len(images), 3, BINS)
        found = (jax.nn.softmax(logits) * MIDDLES[None, None]).sum(-1)
    else:
        found = 30.0 * found[:, :3]
    expression = embedding @ params["expression_head"]
    outputs = Outputs(embedding, expression, None, embedding, None, found, logits)
    return (outputs, {"batch_stats": variables["batch_stats"]}) if mutable else outputs


def initial():
    rng = np.random.default_rng(0)
    normal = lambda *shape: jnp.float32(0.2 * rng.standard_normal(shape))
    heads = {"expression_head": normal(6, 3), "angles_head": normal(6, 3 * BINS)}
    return {"params": {"trunk": {"in": normal(SIDE * SIDE * 3, 6)}, **heads}, "batch_stats": {}}


def batch(known=(10, 2, 0, 7), seed=1):
    """One batch, of whose quarters so many of ten rows have an angle."""
    rng = np.random.default_rng(seed)
    angles = rng.uniform(-100, 100, (ROWS, 3)).astype(np.float32)
    angles[np.concatenate([rng.permutation(10) >= count for count in known])] = np.nan
    angles[::7, 1] = np.nan
    return {
        INDEX: np.arange(ROWS, dtype=np.int32),
        IMAGE: rng.integers(0, 256, (ROWS, SIDE, SIDE, 3)).astype(np.uint8),
        EXPRESSION: rng.integers(-1, 3, ROWS).astype(np.int32),
        POSE: np.full(ROWS, -1, np.int32),
        IDENTITY: np.full(ROWS, -1, np.int32),
        ANGLES: angles,
    }


def program(name="equal", *, binned=False, active=(True, True), **fields):
    weighting = plugins.load("weightings", name).build()
    adam = optimizer.build(learning_rate=0.01, epsilon=0.1, clip=0.0, weight_decay=0.0)
    how = AnglesLoss(delta=20.0, alpha=0.01, width=WIDTH)
    return Program(
        partial(apply, binned=binned),
        terms(Options(tasks=TASKS, triplets=(), angles=how)),
        (1.0, 1.0),
        weighting,
        adam,
        lambda step: jnp.array(active),
        **{"augment": augment.Options(flip=0.5), "mirror": (), **fields},
    )


def run(made, batches, accumulate, devices):
    """(state, logs of each step)."""
    held = state.create(initial(), made.optimizer, made.weighting, TASKS)
    step = jax.pmap(partial(train_step, program=made, axis_name=AXIS), AXIS, devices=jax.devices()[:devices])
    held, logs = replicate(held, jax.devices()[:devices]), []
    for one in batches:
        rows = {k: x.reshape(accumulate, devices, -1, *x.shape[1:]).swapaxes(0, 1) for k, x in one.items()}
        held, scalars = step(held, rows | {SEED: np.full(devices, 3, np.uint32)})
        logs.append({key: float(value[0]) for key, value in scalars.items()})
    return jax.device_get(jax.tree.map(lambda x: x[0], held)), logs


def check_alike(found, expected):
    for a, b in zip(found[1], expected[1], strict=True):
        assert a == pytest.approx(b, rel=2e-5, abs=2e-6)
    jax.tree.map(partial(np.testing.assert_allclose, rtol=2e-5, atol=2e-6), found[0], expected[0])


def three_batches():
    """The last without any angle."""
    return [batch(), batch((0, 0, 9, 0), 2), batch((0, 0, 0, 0), 3)]


def test_four_devices_are_one_whatever_part_of_the_batch_lacks_angles():
    expected = run(program(), three_batches(), 1, 1)
    check_alike(run(program(), three_batches(), 1, 4), expected)
    assert expected[1][2]["loss/angles"] == 0.0 < expected[1][1]["loss/angles"]
    assert expected[1][0]["error/yaw"] > 0 and expected[1][2]["error/roll"] == 0


@pytest.mark.slow
@pytest.mark.parametrize(("name", "binned"), [("upgrad", False), ("dwa", True)])
def test_devices_and_micro_batches_are_one_batch(name, binned):
    """With a strategy that compares the tasks' gradients too."""
    made = program(name, binned=binned)
    expected = run(made, three_batches(), 1, 1)
    for way in ((1, 4), (2, 2)):
        check_alike(run(made, three_batches(), *way), expected)
    assert expected[1][2]["loss/angles"] == 0.0 < expected[1][1]["loss/angles"]


@pytest.mark.slow
def test_conflicts_are_those_of_angles_too():
    made = program()
    found = conflict_step(
        state.create(initial(), made.optimizer, made.weighting, TASKS),
        {key: jnp.asarray(value)[None] for key, value in batch().items()} | {SEED: jnp.uint32(0)},
        made,
        axis_name=None,
    )
    assert set(found) == {
        *("conflict/norm_expression", "conflict/norm_angles", "conflict/cosine_expression_angles")
    }


def test_a_frozen_task_leaves_its_head_as_it_is():
    before = jax.device_get(initial()["params"])
    after = run(program(active=(True, False)), [batch()], 1, 1)[0].params
    assert np.array_equal(after["angles_head"], before["angles_head"])
    assert not np.array_equal(after["expression_head"], before["expression_head"])


def test_the_loss_is_the_mean_over_all_angles_that_are_known(rng):
    labels = {key: jnp.asarray(value) for key, value in batch().items()}
    predicted = jnp.float32(rng.uniform(-200, 200, (ROWS, 3)))
    outputs = Outputs(None, None, None, None, None, predicted)
    made = terms(Options(tasks=("angles",), angles=AnglesLoss(delta=7.0)))
    found = task_losses(outputs, labels, made)
    each, valid = huber_angles(predicted, labels[ANGLES], delta=7.0)
    expected = np.asarray(each, np.float64)[np.asarray(valid)].mean()
    assert float(found.losses.values[0][0]) == pytest.approx(expected, rel=1e-5)
    error = np.abs(np.asarray(predicted, np.float64) - labels[ANGLES]) % 360
    error = np.nanmean(np.minimum(error, 360 - error), 0)
    for name, one in zip(("yaw", "pitch", "roll"), error):
        assert float(told(found.sums)[f"error/{name}"]) == pytest.approx(one, rel=1e-5)


def test_mixed_images_and_padding_have_no_angles():
    one = {key: jnp.asarray(value) for key, value in batch((10, 10, 10, 10)).items()}
    labels = {key: one[key] for key in (EXPRESSION, POSE, IDENTITY, ANGLES)}
    images = jnp.float32(one[IMAGE])
    _, mixed = mix.mix(jax.random.key(0), images, labels, jnp.arange(ROWS), mix.Options(mixup=0.5))
    assert np.isnan(mixed[ANGLES][mixed[mix.MIXED].first >= 0]).all()
    kept = np.asarray(mixed[EXPRESSION] >= 0)
    assert 0 < kept.sum() < ROWS and np.array_equal(mixed[ANGLES][kept], one[ANGLES][kept], equal_nan=True)
    padded = look_up(one | {INDEX: jnp.where(jnp.arange(ROWS) < 3, -1, jnp.arange(ROWS))})
    assert np.isnan(padded[ANGLES][:3]).all()
    assert np.array_equal(padded[ANGLES][3:], one[ANGLES][3:], equal_nan=True)


def test_means_over_mirror_images_turn_yaw_and_roll_back():
    """Half-way round the circle, of a network that says what it likes of either image."""
    own = jnp.float32([[10.0, 5.0, 3.0], [170.0, 0.0, -180.0], [500.0, 1.0, 0.0]])
    other = jnp.float32([[-20.0, 7.0, 1.0], [160.0, 2.0, 170.0], [-140.0, 1.0, 0.0]])

    def network(variables, images, *, train):
        del variables, train
        found = own if images[0, 0, 0, 0] == 1 else other
        return Outputs(jnp.zeros((3, 2)), None, None, jnp.zeros((3, 2)), None, found)

    images = np.zeros((1, 3, 2, 2, 3), np.uint8)
    images[0, :, :, 0] = 1
    given = {INDEX: np.arange(3)[None], IMAGE: images}
    given |= {key: np.full((1, 3), -1) for key in (EXPRESSION, POSE, IDENTITY)}
    plain = eval_step({}, given, network)[ANGLES]
    np.testing.assert_allclose(plain, [[10, 5, 3], [170, 0, 180], [140, 1, 0]])
    flipped = eval_step({}, given, network, mirror=())[ANGLES]
    np.testing.assert_allclose(flipped, [[15, 6, 1], [-175, 1, -175], [140, 1, 0]], atol=1e-4)
