"""The guides' worked examples are plug-ins that keep the contract, from a user's own folder."""

import re
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from dmljax import plugins
from dmljax.contracts import backbones
from dmljax.contracts.weightings import *  # noqa: F403
from dmljax.types import TASKS
from dmljax.weightings import Signals
from dmljax.weightings.interface import NEEDS

GUIDES = Path(__file__).parents[2] / "docs" / "guides"


def saved(guide, heading, path):
    """The first program below a heading of a guide, saved."""
    text = (GUIDES / guide).read_text().partition(heading)[2]
    path.parent.mkdir()
    path.write_text(re.search(r"```python\n(.*?)```", text, re.S)[1])
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("plugins")
    saved("weightings.md", "# A weighting strategy of your own", made / "weightings" / "record.py")
    saved("plugins.md", "## Backbones", made / "backbones" / "tiny.py")
    return made


@pytest.fixture
def plugin(folder):
    """The strategy, for the contract's tests."""
    return plugins.load_file(folder / "weightings" / "record.py", "weightings")


def test_the_example_runs_and_does_what_it_says(plugin):
    assert plugins.defaults_of("weightings", plugin) == {"power": 1.0}
    strategy = plugin.build(power=2.0)
    state, on = strategy.init(TASKS), jnp.ones(3, bool)
    for row, expected in (
        ((1.0, 2.0, 3.0), (1, 1, 1)),
        ((2.0, 1.0, 3.0), (4, 1, 1)),
        ((0.5, 3.0, 6.0), (1, 9, 4)),
    ):
        weights, state, _ = strategy.update(Signals(jnp.float32(row), on, on, jnp.int32(0)), state)
        np.testing.assert_allclose(weights, expected, rtol=1e-6)


@pytest.mark.parametrize("name", [name for name in dir(backbones) if name.startswith("test_")])
def test_the_backbone_keeps_the_contract(name, folder, standard_promotion):
    del standard_promotion
    getattr(backbones, name)(plugins.load_file(folder / "backbones" / "tiny.py", "backbones"))


def test_the_guide_names_every_need():
    text = (GUIDES / "weightings.md").read_text()
    assert {need for need in NEEDS if f"| `{need}` |" in text} == set(NEEDS)
