"""The worked example of the guide is a strategy that trains."""

import re
from pathlib import Path
from types import ModuleType

import jax.numpy as jnp
import numpy as np

import dmljax.weightings
from dmljax.types import TASKS
from dmljax.weightings import Signals

GUIDE = Path(dmljax.weightings.__file__).with_name("README.md")


def test_the_example_runs_and_does_what_it_says():
    code = re.search(r"```python\n(.*?)```", GUIDE.read_text(), re.S)[1]
    example = ModuleType("record")
    exec(compile(code, str(GUIDE), "exec"), example.__dict__)
    strategy = example.build(**{**example.default_config(), "power": 2.0})
    state, on = strategy.init(TASKS), jnp.ones(3, bool)
    for row, expected in (
        ((1.0, 2.0, 3.0), (1, 1, 1)),
        ((2.0, 1.0, 3.0), (4, 1, 1)),
        ((0.5, 3.0, 6.0), (1, 9, 4)),
    ):
        weights, state, _ = strategy.update(Signals(jnp.float32(row), on, on, jnp.int32(0)), state)
        np.testing.assert_allclose(weights, expected, rtol=1e-6)


def test_the_guide_names_every_need():
    from dmljax.weightings.interface import NEEDS

    assert {need for need in NEEDS if f"| `{need}` |" in GUIDE.read_text()} == set(NEEDS)
