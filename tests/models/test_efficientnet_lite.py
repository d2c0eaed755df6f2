from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dmljax.backbones import _parts, efficientnet_lite
from dmljax.types import UserError


# Published counts without the 1000-class layer: 4,652,008 - 1,281,000 and so on.
@pytest.mark.parametrize(("version", "count"), [(0, 3_371_008), (1, 4_135_680), (4, 11_725_568)])
def test_published_parameter_counts(version, count):
    net = efficientnet_lite.build(version=version)
    variables = jax.eval_shape(
        lambda key: net.init(key, jnp.zeros((1, 64, 64, 3)), train=False), jax.random.key(0)
    )
    assert sum(x.size for x in jax.tree.leaves(variables["params"])) == count
    out = jax.eval_shape(lambda v: net.apply(v, jnp.zeros((2, 64, 32, 3)), train=False), variables)
    assert out.shape == (2, 1280) and out.dtype == jnp.float32


@pytest.mark.parametrize(
    ("length", "size", "stride"), [(7, 3, 2), (8, 3, 2), (8, 5, 2), (9, 5, 2), (6, 3, 1), (1, 5, 2)]
)
@pytest.mark.parametrize("method", ["xla", "matmul"])
def test_a_depthwise_convolution_by_hand(rng, length, size, stride, method):
    """Padded so that every stride has one output, the odd zero at the end."""
    conv = _parts.Conv(3, size, stride, jnp.float32, method, same=True, depthwise=True)
    x, kernel = rng.normal(size=(2, length, 8, 3)), rng.normal(size=(size, size, 1, 3))
    outputs = [-(-n // stride) for n in x.shape[1:3]]
    pads = [max((out - 1) * stride + size - n, 0) for out, n in zip(outputs, x.shape[1:3])]
    padded = np.pad(x, ((0, 0), *((pad // 2, pad - pad // 2) for pad in pads), (0, 0)))
    expected = np.zeros((2, *outputs, 3))
    for at in np.ndindex(*outputs):
        r, c = (stride * k for k in at)
        expected[:, at[0], at[1]] = (padded[:, r : r + size, c : c + size] * kernel[..., 0, :]).sum((1, 2))
    found = jax.jit(conv.apply)({"params": {"kernel": jnp.float32(kernel)}}, jnp.float32(x))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_ways_to_compute_it_and_stems_share_the_parameters(rng):
    images = jnp.float32(rng.normal(size=(2, 24, 16, 3)))
    tiny = {"width": 0.2, "blocks": (1, 2, 1, 1, 1, 1, 1), "features": 8}
    nets = [
        efficientnet_lite.build(**tiny, convolution=method, stem=stem)
        for method, stem in (("xla", "standard"), ("matmul", "standard"), ("xla", "small"))
    ]
    variables = jax.jit(partial(nets[0].init, train=False))(jax.random.key(0), images)
    xla, matmul, small = (jax.jit(partial(net.apply, train=False))(variables, images) for net in nets)
    np.testing.assert_allclose(xla, matmul, rtol=1e-4, atol=1e-5)
    assert np.abs(xla - small).max() > 1e-4


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"version": 5}, "version must be one of 0, 1, 2, 3, 4; got '5'"),
        ({"width": -1.0}, "width must be at least 0; got -1.0"),
        ({"blocks": (1, 2)}, "blocks must be 7 numbers, one a stage, or none; got 2"),
        ({"features": 0}, "features must be at least 1; got 0"),
        ({"stochastic_depth": 1.0}, "stochastic_depth must be at least 0 and below 1"),
    ],
)
def test_bad_fields(options, said):
    with pytest.raises(UserError, match=f"backbone.efficientnet_lite.{said}"):
        efficientnet_lite.build(**options)
