"""Every backbone of the package keeps the contract, is in half precision throughout, and tells errors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dmljax import plugins
from dmljax.contracts.backbones import *  # noqa: F403
from dmljax.contracts.backbones import built, products
from dmljax.types import UserError

NAMES = plugins.names("backbones")


@pytest.fixture(params=NAMES)
def plugin(request):
    return plugins.load("backbones", request.param)


def test_all_products_in_half_precision(plugin):
    images = jnp.ones((1, 16, 16, 3))
    for model in built(plugin, dtype=jnp.bfloat16):
        variables = jax.eval_shape(
            lambda key, model=model: model.init(key, images, train=False), jax.random.key(0)
        )
        found = jax.make_jaxpr(lambda v, model=model: model.apply(v, images, train=False))(variables)
        assert products(found.jaxpr) == {np.dtype(jnp.bfloat16)}


@pytest.mark.parametrize("name", NAMES)
def test_wrong_options_are_told(name):
    build, options = plugins.load("backbones", name).build, plugins.defaults("backbones", name)
    with pytest.raises(
        UserError,
        match=f"backbone.{name}.stem must be one of standard, small; got 'smal'. Did you mean 'small'",
    ):
        build(stem="smal")
    for option in {"width", "features"} & {key for key, value in options.items() if isinstance(value, int)}:
        with pytest.raises(UserError, match=f"backbone.{name}.{option} must be at least 1; got 0"):
            build(**{option: 0})
    size = "depth" if "depth" in options else "version"
    with pytest.raises(UserError, match=f"backbone.{name}.{size} must be one of"):
        build(**{size: 7})
