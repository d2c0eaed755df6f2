"""JAX's operations in ONNX: the same numbers for any number of images, and clear errors for unknown ones."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import onnxruntime
import pytest

from dmljax.backbones import densenet, resnet
from dmljax.exports.graph import onnx_target, walk

SIZE = 12


def in_onnx(function):
    """The function by onnxruntime: pixels -> float32 [N, ...]."""
    target = onnx_target.Target()
    outputs = walk.write(lambda images: {"out": function(images)}, SIZE, target)
    shape = jax.eval_shape(function, jax.ShapeDtypeStruct((3, SIZE, SIZE, 3), np.uint8)).shape[1:]
    content = target.model(outputs, {"out": shape}, SIZE, {}).SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return lambda pixels: session.run(None, {"images": pixels})[0]


def real(images):
    """Numbers about 0 of pixels, [N, 12, 12, 3]."""
    return images.astype(jnp.float32) / 100 - 1


KERNEL = np.random.default_rng(1).normal(size=(3, 3, 3, 4)).astype(np.float32)
OPERATIONS = {
    "elements": lambda x: jnp.exp(-jnp.abs(x)) * jnp.tanh(x) + jnp.sqrt(x * x + 1) - jax.nn.sigmoid(x) ** 3,
    "logarithms": lambda x: jnp.log1p(x * x) + jnp.log(jnp.abs(x) + 1) + jnp.expm1(-x * x) + jnp.sign(x),
    "choices": lambda x: jnp.where((x > 0) & (x != 0.5) | ~(x < -0.5), x, jnp.clip(x, -0.2, 0.3)),
    "activations": lambda x: nn.gelu(x) + nn.silu(x) + nn.relu6(x) + nn.leaky_relu(x) + nn.elu(x),
    "softmax": lambda x: jax.nn.softmax(x.reshape(x.shape[0], -1) * jnp.arange(432.0)[None] / 99),
    "reductions": lambda x: jnp.stack([x.sum((1, 2)), x.max((1, 2)), x.min((1, 2)), x.var((1, 2))], 1),
    "largest": lambda x: x.reshape(x.shape[0], -1).argmax(1).astype(jnp.float32),
    "parts": lambda x: jnp.concatenate(
        [jax.lax.slice_in_dim(x, 0, 12, 2, 1)[:, :, 1:], x[:, 6:][:, :, ::-1][:, :, :11], x[:, 6:, 1:]], 3
    ),
    "order": lambda x: x.transpose(0, 3, 1, 2)[:, jnp.array([2, 0, 1, 1])],
    "pieces": lambda x: jnp.split(x, 3, axis=1)[1] * 2,
    "padding": lambda x: jnp.pad(x, ((0, 0), (1, 2), (0, 3), (0, 0)), constant_values=-4.0),
    "resized": lambda x: jax.image.resize(x[:, :4], (x.shape[0], 12, 12, 3), "bilinear"),
    "products": lambda x: jnp.einsum("nhwc,nhvd->nwvcd", x, x)[:, 3, :2].reshape(x.shape[0], -1),
    "spread": lambda x: jnp.broadcast_to(x.mean((1, 2))[:, None], (x.shape[0], 5, 3)) + jnp.ones((1, 5, 1)),
    "maximum": lambda x: nn.max_pool(x, (3, 2), strides=(2, 1), padding=((1, 1), (0, 1))),
    "sums": lambda x: nn.pool(x, 0.0, jax.lax.add, (2, 3), (2, 2), ((0, 0), (1, 1))),
    "convolution": lambda x: jax.lax.conv_general_dilated(
        x, KERNEL, (2, 1), ((1, 2), (0, 1)), rhs_dilation=(1, 2), dimension_numbers=("NHWC", "HWIO", "NHWC")
    ),
    "channels first": lambda x: jax.lax.conv_general_dilated(
        x.transpose(0, 3, 1, 2), KERNEL.transpose(3, 2, 0, 1), (1, 1), "SAME"
    ),
    "each channel": lambda x: jax.lax.conv_general_dilated(
        x,
        KERNEL[:, :, :1, :3],
        (1, 1),
        "SAME",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=3,
    ),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_gives_the_same_numbers(name, rng):
    function = lambda images: OPERATIONS[name](real(images))
    run = in_onnx(function)
    for count in (1, 4):
        pixels = rng.integers(0, 256, (count, SIZE, SIZE, 3)).astype(np.uint8)
        expected = np.asarray(function(pixels))
        found = run(pixels)
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda x: jnp.sort(x, axis=1), "format: .*JAX's operation 'sort'.* no counterpart in ONNX"),
        (lambda x: jnp.cumsum(x, axis=1), "JAX's operation 'cumsum'"),
        (lambda x: jnp.fft.rfft(x, axis=1).real, "JAX's operation 'fft'"),
        (lambda x: jax.lax.pad(x, 0.0, ((0, 0, 0), (0, 0, 1), (0, 0, 0), (0, 0, 0))), "padding between"),
    ],
)
def test_an_unknown_operation_is_named(function, said):
    with pytest.raises(ValueError, match=said):
        in_onnx(lambda images: function(real(images)))


@pytest.mark.parametrize("backbone", [resnet, densenet])
def test_backbones_of_either_form_of_convolution(backbone, rng):
    pixels = rng.integers(0, 256, (3, SIZE, SIZE, 3)).astype(np.uint8)
    for convolution in ("auto", "matmul"):
        net = backbone.build(**backbone.SMALL[0], convolution=convolution)
        variables = jax.device_get(jax.jit(partial(net.init, train=False))(jax.random.key(0), real(pixels)))
        function = lambda images, net=net, of=variables: net.apply(of, real(images), train=False)
        expected = np.asarray(jax.jit(function)(pixels))
        np.testing.assert_allclose(in_onnx(function)(pixels), expected, rtol=1e-4, atol=1e-5)
