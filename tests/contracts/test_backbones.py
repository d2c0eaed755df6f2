"""What every backbone promises, by its file: built from its own fields, float32 features, trained BatchNorm,
clear errors.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dmljax import plugins
from dmljax.types import UserError

SMALL = {
    "resnet": {"depth": 18, "width": 4, "stages": (1, 1)},
    "densenet": {"growth": 4, "width": 8, "blocks": (1, 2)},
}
NAMES = plugins.names("backbones")


def small(name, **fields):
    plugin = plugins.load("backbones", name)
    return plugin.build(**plugin.default_config() | SMALL.get(name, {}) | fields)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("stem", ["standard", "small"])
def test_a_third_of_a_small_face_gives_features_and_moves_the_statistics(name, stem, rng, standard_promotion):
    del standard_promotion
    model, images = small(name, stem=stem), jnp.float32(rng.normal(size=(3, 16, 48, 3)))
    variables = jax.jit(lambda key: model.init(key, images, train=False))(jax.random.key(0))
    features, new = jax.jit(lambda v: model.apply(v, images, train=True, mutable=["batch_stats"]))(variables)
    assert features.ndim == 2 and features.dtype == jnp.float32 and np.isfinite(features).all()
    moved = jax.tree.map(
        lambda a, b: float(np.abs(a - b).max()), variables["batch_stats"], new["batch_stats"]
    )
    assert max(jax.tree.leaves(moved)) > 1e-3
    plain = jax.jit(lambda x: model.apply(variables, x, train=False))
    np.testing.assert_allclose(plain(images[:1]), plain(images)[:1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_activations_in_half_precision_leave_parameters_whole(name, standard_promotion):
    del standard_promotion
    model, images = small(name, stem="small").clone(dtype=jnp.bfloat16), jnp.ones((1, 16, 16, 3))
    variables = jax.eval_shape(lambda key: model.init(key, images, train=False), jax.random.key(0))
    assert {x.dtype for x in jax.tree.leaves(variables)} == {np.dtype("float32")}
    found = jax.make_jaxpr(lambda v: model.apply(v, images, train=False))(variables)
    assert found.out_avals[0].dtype == jnp.float32
    products = [e for e in found.jaxpr.eqns if e.primitive.name in ("dot_general", "conv_general_dilated")]
    assert products and {e.outvars[0].aval.dtype for e in products} == {np.dtype(jnp.bfloat16)}


@pytest.mark.parametrize("name", NAMES)
def test_wrong_options_are_told(name):
    with pytest.raises(
        UserError,
        match=f"backbone.{name}.stem must be one of standard, small; got 'smal'. Did you mean 'small'",
    ):
        small(name, stem="smal")
    with pytest.raises(UserError, match=f"backbone.{name}.width must be at least 1; got 0"):
        small(name, width=0)
    with pytest.raises(UserError, match=f"backbone.{name}.depth must be one of"):
        small(name, depth=7)
