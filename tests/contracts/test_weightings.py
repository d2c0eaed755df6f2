"""Every strategy of the package keeps the contract, also inside the wrappers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dmljax import plugins
from dmljax.contracts.weightings import *  # noqa: F403
from dmljax.contracts.weightings import build, gradients, run, start, step
from dmljax.weightings import wrap


@pytest.fixture(params=plugins.names("weightings"))
def plugin(request):
    return plugins.load("weightings", request.param)


WRAPPED = [
    {"log_losses": True},
    {"normalise": "unit"},
    {"normalise": "loss"},
    {"normalise": "max"},
    {"window": 3},
    {"every": 3},
    {"warmup": 4},
    {"ema": 0.9},
    {"low": 0.1, "high": 1.5},
    {"rescale": "sum_1"},
    {"rescale": "sum_K"},
    {"rescale": "match_equal"},
    {"window": 5, "every": 5},
]


@pytest.mark.parametrize("options", WRAPPED, ids=str)
@pytest.mark.parametrize("name", ["equal", "dwa", "mgda", "gradnorm", "relobralo"])
def test_wrapped_strategies_keep_the_contract(name, options, rng):
    if "normalise" in options and name not in ("mgda", "gradnorm"):
        pytest.skip("normalise changes a Gram matrix")
    strategy = wrap(build(plugins.load("weightings", name)), **options)
    weights, _ = run(strategy, rng.uniform(0.1, 5, (12, 3)), active=(True, False, True))
    assert np.isfinite(weights).all() and not weights[:, 1].any() and (weights[:, [0, 2]].sum(1) > 0).all()
    state = start(strategy)
    _, after, _, _ = step(strategy, state, 0, np.ones(3), gradients(rng))
    assert jax.tree.map(jnp.shape, state) == jax.tree.map(jnp.shape, after)
