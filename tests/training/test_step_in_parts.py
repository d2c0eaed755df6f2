"""A train step in micro-batches, over devices or both is one step, whatever labels the set lacks.

A linear network without BatchNorm, whose statistics would differ from one micro-batch to the next.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dmljax import plugins
from dmljax.training import augment, optimizer, state
from dmljax.training.devices import replicate
from dmljax.training.objective import Options, terms
from dmljax.training.step import SEED, Program, train_step
from dmljax.types import AXIS, EXPRESSION, IDENTITY, IMAGE, INDEX, LABELS, POSE, Outputs

pytestmark = pytest.mark.usefixtures("standard_promotion")

ROWS, SIDE, CLASSES = 40, 6, {EXPRESSION: 3, POSE: 3, IDENTITY: 3}
HEADS = Options(tasks=("expression", "pose"))
OTHERS = (
    ("contrastive", (("margin", 1.3),)),
    ("island", (("between", 0.4),)),
    ("tuplet", (("threshold", 0.9), ("margin", 0.6))),
)
OWN = Options(anchors="all", scope="device", others=OTHERS)
# step -> label -> how many of the ten rows of each quarter have it
KNOWN = (
    {EXPRESSION: (10, 2, 0, 7), POSE: (0, 0, 9, 0), IDENTITY: (10, 10, 10, 1)},
    {EXPRESSION: (10, 10, 10, 10), POSE: (4, 10, 8, 10), IDENTITY: (0, 10, 6, 9)},
    {EXPRESSION: (5, 10, 10, 9), POSE: (0, 0, 0, 0), IDENTITY: (10, 3, 7, 8)},
)
STRATEGIES = {"dwa": {"window": 1}, "famo": {}, "db_mtl": {}, "sdmgrad": {}}


def apply(variables, images, *, train, mutable, rngs):
    params = variables["params"]
    embedding = images.reshape(len(images), -1) / 100.0 @ params["trunk"]["in"]
    logits = (embedding @ params[name] for name in ("expression_head", "pose_head"))
    outputs = Outputs(embedding, *logits, embedding, params["trunk"]["centres"])
    return outputs, {"batch_stats": variables["batch_stats"]}


def initial():
    rng = np.random.default_rng(0)
    normal = lambda *shape: jnp.float32(0.2 * rng.standard_normal(shape))
    trunk = {"in": normal(SIDE * SIDE * 3, 6), "centres": normal(CLASSES[EXPRESSION], 6)}
    heads = {f"{name}_head": normal(6, CLASSES[name]) for name in (EXPRESSION, POSE)}
    return {"params": {"trunk": trunk, **heads}, "batch_stats": {}}


def batches():
    rng = np.random.default_rng(1)
    for known in KNOWN:
        batch = {
            INDEX: np.arange(ROWS, dtype=np.int32),
            IMAGE: rng.integers(0, 256, (ROWS, SIDE, SIDE, 3)).astype(np.uint8),
        }
        for name in LABELS:
            given = np.concatenate([rng.permutation(10) < count for count in known[name]])
            values = rng.integers(0, CLASSES[name], ROWS)
            batch[name] = np.where(given, values, -1).astype(np.int32)
        yield batch


def run(name, losses, accumulate, devices):
    """(state, logs of each step)."""
    weighting = plugins.load("weightings", name).build(**STRATEGIES[name])
    adam = optimizer.build(learning_rate=0.01, epsilon=0.1, clip=0.0, weight_decay=0.0)
    count = len(losses.tasks)
    made = Program(
        apply,
        terms(losses),
        (1.0,) * count,
        weighting,
        adam,
        lambda step: jnp.ones(count, bool),
        augment=augment.Options(flip=0.5),
        mirror=(2, 1, 0),
    )
    held = state.create(initial(), made.optimizer, weighting, losses.tasks)
    step = jax.pmap(partial(train_step, program=made, axis_name=AXIS), AXIS, devices=jax.devices()[:devices])
    held, logs = replicate(held, jax.devices()[:devices]), []
    for batch in batches():
        rows = {
            key: x.reshape(accumulate, devices, -1, *x.shape[1:]).swapaxes(0, 1) for key, x in batch.items()
        }
        held, told = step(held, rows | {SEED: np.full(devices, 3, np.uint32)})
        logs.append({key: float(value[0]) for key, value in told.items()})
    return jax.device_get(jax.tree.map(lambda x: x[0], held)), logs


def same(found, expected):
    for a, b in zip(found[1], expected[1], strict=True):
        for key in b:
            assert a[key] == pytest.approx(b[key], rel=2e-5, abs=2e-6), key
    jax.tree.map(partial(np.testing.assert_allclose, rtol=2e-5, atol=2e-6), found[0], expected[0])


slow = partial(pytest.param, marks=pytest.mark.slow)


@pytest.mark.parametrize("name", ["famo", slow("dwa"), slow("db_mtl")])
def test_heads_in_parts_are_heads_on_the_batch(name):
    expected = run(name, HEADS, 1, 1)
    for way in ((4, 1), (2, 2)):
        same(run(name, HEADS, *way), expected)
    assert expected[1][2]["loss/pose"] == 0.0 < expected[1][1]["loss/pose"]


@pytest.mark.parametrize(
    ("name", "reduction", "way"),
    [
        ("dwa", "mean", (4, 1)),
        slow("famo", "sum", (4, 1)),
        slow("dwa", "sum", (2, 2)),
        slow("famo", "mean", (2, 2)),
        slow("db_mtl", "mean", (2, 2)),
    ],
)
def test_micro_batches_are_devices_that_mine_alone(name, reduction, way):
    losses = OWN._replace(reduction=reduction)
    expected = run(name, losses, 1, 4)
    same(run(name, losses, *way), expected)
    valid = [(log["triplet/pose_valid"], log["triplet/identity_valid"]) for log in expected[1]]
    assert valid[0] != valid[1] != valid[2] and valid[1][0] > valid[2][0] == 0.0


@pytest.mark.slow
def test_the_halves_of_four_micro_batches_are_those_of_two():
    same(run("sdmgrad", HEADS, 4, 1), run("sdmgrad", HEADS, 2, 2))
