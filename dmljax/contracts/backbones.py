"""What every backbone keeps: float32 features of small parts of faces, BatchNorm that learns, half precision.

Tests take a fixture `plugin`, the backbone's module. `SMALL`, if it has that, is a tuple of dicts of fields;
they make small networks, and each is tested in the place of the network by default.
"""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict
from jax.extend.core import jaxprs_in_params

from dmljax import plugins


@pytest.fixture(autouse=True)
def standard_promotion():
    """Flax mixes dtypes inside."""
    with jax.numpy_dtype_promotion("standard"):
        yield


def built(plugin, **given):
    """Each small network of the plug-in, or the one by default."""
    defaults = plugins.defaults_of("backbones", plugin)
    for fields in getattr(plugin, "SMALL", ({},)):
        assert fields.keys() <= defaults.keys(), f"SMALL has a field that build lacks: {fields}"
        yield plugin.build(**defaults | fields, **given)


@cache
def started(plugin):
    """The networks of `built` with their first parameters."""
    images = jnp.ones((1, 16, 48, 3))
    return [
        (model, jax.jit(lambda key, model=model: model.init(key, images, train=False))(jax.random.key(0)))
        for model in built(plugin)
    ]


def test_a_third_of_a_small_face_gives_features(plugin):
    images = jnp.float32(np.random.default_rng(1).normal(size=(3, 16, 48, 3)))
    for model, variables in started(plugin):
        plain = jax.jit(lambda x, model=model, variables=variables: model.apply(variables, x, train=False))
        features = plain(images)
        assert features.ndim == 2 and len(features) == 3, f"features must be [N, F], got {features.shape}"
        assert features.dtype == jnp.float32, f"features must be float32, got {features.dtype}"
        assert np.isfinite(features).all()
        # an image's features do not depend on the others of the batch
        np.testing.assert_allclose(plain(images[:1]), features[:1], rtol=1e-4, atol=1e-5)


def test_every_array_has_one_name_elsewhere(plugin):
    if not hasattr(plugin, "names"):
        pytest.skip("no other library's names are known")
    for model, variables in started(plugin):
        places = list(plugin.names(model).values())
        assert len(places) == len(set(places)), "two names for one array"
        unnamed = flatten_dict(variables).keys() - set(places)
        assert not unnamed, f"arrays without a name: {sorted(unnamed)}"


def test_training_moves_the_statistics_and_gives_features(plugin):
    images = jnp.float32(np.random.default_rng(1).normal(size=(3, 16, 48, 3)))
    for model, variables in started(plugin):
        unknown = variables.keys() - {"params", "batch_stats"}
        assert not unknown, f"collections beside params and batch_stats are not trained: {unknown}"
        options = {"train": True, "mutable": ["batch_stats"], "rngs": {"dropout": jax.random.key(1)}}
        step = jax.jit(lambda v, model=model, options=options: model.apply(v, images, **options))
        features, new = step(variables)
        assert features.ndim == 2 and features.dtype == jnp.float32 and np.isfinite(features).all()
        if "batch_stats" in variables:
            moved = jax.tree.map(
                lambda a, b: float(np.abs(a - b).max()), variables["batch_stats"], new["batch_stats"]
            )
            assert max(jax.tree.leaves(moved)) > 1e-3, "train=True does not update the running statistics"


def test_activations_in_half_precision_leave_parameters_whole(plugin):
    images = jnp.ones((1, 16, 16, 3))
    for model in built(plugin, dtype=jnp.bfloat16):
        variables = jax.eval_shape(
            lambda key, model=model: model.init(key, images, train=False), jax.random.key(0)
        )
        assert {x.dtype for x in jax.tree.leaves(variables)} == {np.dtype("float32")}
        found = jax.make_jaxpr(lambda v, model=model: model.apply(v, images, train=False))(variables)
        assert found.out_avals[0].dtype == jnp.float32, "features must be float32 whatever the dtype"
        assert np.dtype(jnp.bfloat16) in products(found.jaxpr), "dtype=bfloat16 reaches no product"


def products(jaxpr) -> set:
    """The dtypes in which a program multiplies matrices or convolves, in inner programs too."""
    found = set()
    for equation in jaxpr.eqns:
        if equation.primitive.name in ("dot_general", "conv_general_dilated"):
            found.add(equation.outvars[0].aval.dtype)
        for inner in jaxprs_in_params(equation.params):
            found |= products(inner)
    return found


def test_what_the_network_gives_reaches_it(plugin):
    """`axis_name`, `remat` and `name` are taken; the features stay the same."""
    images = jnp.float32(np.random.default_rng(1).normal(size=(2, 16, 16, 3)))
    others = built(plugin, axis_name="devices", remat=True, name="face")
    for (model, variables), other in zip(started(plugin), others):
        assert other.name == "face"
        one, two = (
            jax.jit(lambda v, m=m: m.apply(v, images, train=False))(variables) for m in (model, other)
        )
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)
