from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dmljax.backbones import densenet


# Published counts without the 1000-class layer: 7,978,856 - 1,025,000 and so on.
@pytest.mark.parametrize(
    ("depth", "count", "features"), [(121, 6_953_856, 1024), (169, 12_484_480, 1664), (201, 18_092_928, 1920)]
)
def test_published_parameter_counts(depth, count, features):
    model = densenet.build(depth=depth)
    variables = jax.eval_shape(
        lambda k: model.init(k, jnp.zeros((1, 64, 64, 3)), train=False), jax.random.key(0)
    )
    assert sum(x.size for x in jax.tree.leaves(variables["params"])) == count
    assert jax.eval_shape(
        lambda v: model.apply(v, jnp.zeros((2, 64, 64, 3)), train=False), variables
    ).shape == (2, features)


def test_a_layer_by_hand(rng):
    """What a layer adds comes after what it was given, which passes unchanged."""
    model = densenet.build(growth=2, width=4, blocks=(1,), stem="small", convolution="xla")
    images = jnp.float32(rng.normal(size=(2, 6, 8, 3)))
    variables = jax.jit(partial(model.init, train=False))(jax.random.key(1), images)
    params = jax.tree.map(np.asarray, variables["params"])

    def norm(x):  # fresh statistics: mean 0, variance 1
        return np.maximum(x / np.sqrt(1 + 1e-5), 0)

    def conv(x, kernel, stride):
        pad = kernel.shape[0] // 2
        x = np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
        rows, columns = ((n - kernel.shape[0]) // stride + 1 for n in x.shape[1:3])
        out = np.zeros((len(x), rows, columns, kernel.shape[3]))
        for r in range(rows):
            for c in range(columns):
                patch = x[
                    :, r * stride : r * stride + kernel.shape[0], c * stride : c * stride + kernel.shape[1]
                ]
                out[:, r, c] = np.einsum("nhwi,hwio->no", patch, kernel)
        return out

    x = norm(conv(np.asarray(images, np.float64), params["conv_stem"]["kernel"], 2))
    layer = params["block1_layer1"]
    y = conv(norm(conv(norm(x), layer["conv1"]["kernel"], 1)), layer["conv2"]["kernel"], 1)
    expected = norm(np.concatenate([x, y], -1)).mean((1, 2))
    found = jax.jit(partial(model.apply, train=False))(variables, images)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
