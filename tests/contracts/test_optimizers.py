"""Every optimizer of the package keeps the contract, has the numbers of its section, and tells errors."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import dmljax
from dmljax import config as configuration
from dmljax import plugins
from dmljax.contracts.optimizers import *  # noqa: F403
from dmljax.runs import recipe
from dmljax.training import optimizer
from dmljax.types import UserError

NAMES = plugins.names("optimizers")


@pytest.fixture(params=NAMES)
def plugin(request):
    return plugins.load("optimizers", request.param)


def built(name, **changes):
    config = dmljax.get_config("quick", {"optimizer.name": name} | changes)
    made = recipe.optimizer(config, whole=100, decay_steps=10, warmup_steps=0)
    params = {"trunk": {"face": {"w": jnp.ones((3, 2))}, "embedding": {"w": jnp.ones((3, 2))}}}
    return made, params


def moved(made, params, gradients, state=None):
    state = made.init(params) if state is None else state
    return made.update(gradients, state, params, jnp.int32(0), {g: jnp.bool_(True) for g in params})[0]


def test_the_names_are_those_of_the_field():
    assert set(NAMES) >= {"adam", "adamw", "sgd", "lion", "lamb", "adafactor", "muon"}
    assert (
        configuration.trimmed(dmljax.get_config("quick"))["optimizer"]
        .keys()
        .isdisjoint(set(NAMES) - {"adam"})
    )


def test_adam_s_numbers_and_decay_are_the_section_s():
    changes = {f"optimizer.{k}": v for k, v in dict(b1=0.5, b2=0.6, epsilon=0.3, learning_rate=0.1).items()}
    rng = np.random.default_rng(0)
    for name, given, decay in (
        ("adam", {}, 0.0),
        ("adam", {"optimizer.weight_decay": 0.2}, 0.2),
        ("adamw", {}, 0.01),
        ("adamw", {"optimizer.weight_decay": 0.2}, 0.2),
        ("adamw", {"optimizer.adamw.weight_decay": 0.3}, 0.3),
    ):
        made, params = built(name, **changes, **given)
        gradients = jax.tree.map(lambda p: jnp.float32(rng.normal(size=p.shape)), params)
        theirs = optax.adamw(0.1, b1=0.5, b2=0.6, eps=0.3, weight_decay=decay)
        updates, _ = theirs.update(gradients, theirs.init(params), params)
        expected = optax.apply_updates(params, updates)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), moved(made, params, gradients), expected
        )


def test_parts_have_rates_of_their_own():
    made, params = built("sgd", **{"optimizer.rates.branches": 0.25, "optimizer.rates.embedding": 0.0})
    plain, _ = built("sgd")
    gradients = jax.tree.map(jnp.ones_like, params)
    found, whole = moved(made, params, gradients)["trunk"], moved(plain, params, gradients)["trunk"]
    np.testing.assert_allclose(1 - found["face"]["w"], 0.25 * (1 - whole["face"]["w"]), rtol=1e-4)
    np.testing.assert_array_equal(found["embedding"]["w"], params["trunk"]["embedding"]["w"])


@pytest.mark.parametrize(
    ("name", "changes", "told"),
    [
        (
            "sgd",
            {"optimizer.sgd.momentum": 1.5},
            "optimizer.sgd.momentum must be at least 0 and below 1",
        ),
        ("adamw", {"optimizer.adamw.weight_decay": -1.0}, "optimizer.adamw.weight_decay must be at least 0"),
        ("muon", {"optimizer.muon.iterations": 0}, "optimizer.muon.iterations must be at least 1"),
        ("adafactor", {"optimizer.adafactor.threshold": 0.0}, "optimizer.adafactor.threshold must be at"),
    ],
)
def test_wrong_options_are_told(name, changes, told):
    with pytest.raises(UserError, match=told):
        built(name, **changes)


OWN = """
import optax

def build(*, b1: float = 0.0, speed: float = 1.0):
    return RESULT
"""


@pytest.mark.parametrize(
    ("returned", "told"),
    [
        ("optax.chain(optax.scale(speed), optax.trace(b1))", ""),
        ("optax.adamw(1.0)", r"optimizer.own .*own.py\) leads uphill: its learning rate is in it already"),
        ("optax.contrib.momo()", "optimizer.own .*: TypeError: .*loss|value"),
        ("speed", "must return an optax.GradientTransformation; got 1.0"),
    ],
)
def test_one_s_own_lies_in_a_folder(tmp_path, returned, told):
    (tmp_path / "optimizers").mkdir()
    (tmp_path / "optimizers" / "own.py").write_text(OWN.replace("RESULT", returned))
    plugins.add_folder(tmp_path)
    changes = {"optimizer.own.speed": 1.0}
    if told:
        with pytest.raises(UserError, match=told):
            recipe.check_optimizer(dmljax.get_config("quick", {"optimizer.name": "own"} | changes))
    else:
        made, params = built("own", **changes)
        found = moved(made, params, jax.tree.map(jnp.ones_like, params))
        assert found["trunk"]["face"]["w"][0, 0] == pytest.approx(
            1 - dmljax.get_config("quick").optimizer.learning_rate
        )


@pytest.mark.parametrize(("field", "least"), [("clip_value", 0.25), ("clip_adaptive", 0.5), ("clip", 1.0)])
def test_gradients_are_clipped_by_optax(field, least):
    """By value, by unit and by the global norm; each makes the plain step as short as it should be."""
    made = optimizer.build(optax.identity(), learning_rate=1.0, **{field: least})
    params = {"trunk": {"w": jnp.full((3, 2), 2.0)}}
    gradients = {"trunk": {"w": jnp.float32([[3.0, 0.1], [0.0, -0.2], [4.0, 0.2]])}}
    step = (params["trunk"]["w"] - moved(made, params, gradients)["trunk"]["w"]).astype(float)
    given = np.asarray(gradients["trunk"]["w"], float)
    columns = np.linalg.norm(given, axis=0)
    expected = {
        "clip_value": np.clip(given, -0.25, 0.25),
        "clip_adaptive": given * np.minimum(1, 0.5 * np.sqrt(12) / columns),
        "clip": given / np.linalg.norm(given),
    }[field]
    np.testing.assert_allclose(step, expected, rtol=1e-5, atol=1e-6)
