"""What a model computes of logits beside loops: probabilities, yaw, angles, unit length, mirror images."""

import math

import jax
import numpy as np
import pytest

from dmljax.inference import program
from dmljax.runs.record import Classes
from dmljax.types import Outputs

CLASSES = Classes(("a", "b", "c"), ("left", "right", "up"), (-45.0, 45.0, math.nan), ("yaw", "roll"))
MIRROR = (1, 0, 2)
TEMPERATURE = {"expression": 1.7}


@pytest.fixture
def weights(rng):
    """Of a network that is one matrix a head, on the mean colours of the two halves of an image."""
    widths = {"embedding": 4, "fused": 2, "expression": 3, "pose": 3, "angles": 3}
    return {name: rng.normal(0, 0.01, (6, width)).astype(np.float32) for name, width in widths.items()}


def apply(weights, images, *, train):
    assert not train
    colours = np.float32(1) * images.reshape(len(images), 4, 2, 2, 3).mean((1, 3)).reshape(len(images), 6)
    of = {name: colours @ matrix for name, matrix in weights.items()}
    return Outputs(of["embedding"], of["expression"], of["pose"], of["fused"], None, 30 * of["angles"], None)


def reference(weights, image, classes, mirror, temperature, normalise):
    """float64, one image, number by number."""

    def logits(of, name):
        colours = [of[:, side : side + 2, c].astype(float).mean() for side in (0, 2) for c in range(3)]
        return [sum(x * float(w) for x, w in zip(colours, column)) for column in weights[name].T]

    def mean_of(name, order, signs=(1, 1, 1)):
        plain = logits(image, name)
        if mirror is None:
            return plain
        turned = logits(image[:, ::-1], name)
        return [(value + sign * turned[k]) / 2 for value, k, sign in zip(plain, order, signs)]

    found = {}
    for head, order in (("expression", (0, 1, 2)), ("pose", mirror)):
        powers = [math.exp(value / temperature.get(head, 1.0)) for value in mean_of(head, order)]
        found[f"{head}_probability"] = [power / sum(powers) for power in powers]
    pairs = [(p, y) for p, y in zip(found["pose_probability"], classes.pose_yaw) if not math.isnan(y)]
    if pairs:
        found["yaw"] = sum(p * y for p, y in pairs) / sum(p for p, _ in pairs)
    angles = [30 * value for value in mean_of("angles", (0, 1, 2), (-1, 1, -1))]
    found |= {f"head_{name}": angles[("yaw", "pitch", "roll").index(name)] for name in classes.angles_names}
    embedding = logits(image, "embedding")
    length = math.sqrt(sum(value * value for value in embedding)) if normalise else 1.0
    return found | {"embedding": [value / length for value in embedding]}


@pytest.mark.parametrize(
    ("classes", "mirror", "temperature", "normalise"),
    [
        (CLASSES, MIRROR, TEMPERATURE, True),
        (CLASSES, None, {"pose": 0.4}, False),
        (CLASSES._replace(pose_yaw=(math.nan,) * 3, angles_names=()), None, {}, True),
    ],
)
def test_it_is_what_loops_make_of_it(weights, rng, classes, mirror, temperature, normalise):
    images = rng.integers(0, 256, (5, 4, 4, 3)).astype(np.uint8)
    how = {"mirror": mirror, "temperature": temperature, "normalise": normalise}
    found = jax.jit(program.build(apply, classes, **how))(weights, images)
    expected = [reference(weights, image, classes, mirror, temperature, normalise) for image in images]
    assert set(found) == set(expected[0])
    for name, values in found.items():
        np.testing.assert_allclose(
            values, [one[name] for one in expected], rtol=2e-5, atol=1e-5, err_msg=name
        )


def test_without_heads_there_is_the_embedding_alone(weights, rng):
    def bare(weights, images, *, train):
        return Outputs(
            apply(weights, images, train=train).embedding, None, None, images[:, 0, 0], None, None, None
        )

    built = program.build(bare, CLASSES, mirror=None, temperature={}, normalise=False)
    assert list(built(weights, rng.integers(0, 256, (2, 4, 4, 3)).astype(np.uint8))) == ["embedding"]
