"""Weights in ONNX: arrays by the outputs of layers, and OpenNSFW's network against ONNX's own arithmetic."""

from functools import partial

import jax
import numpy as np
import onnx
import pytest
from flax.traverse_util import flatten_dict, unflatten_dict

from dmljax.backbones import _open_nsfw, resnet
from dmljax.models import published, weight_files
from dmljax.types import UserError
from tests.models.onnx_writer import Program, open_nsfw, saved

MEANS = np.float32([104, 117, 123])  # of blue, green and red


def test_a_convolution_has_the_name_of_its_output(rng, tmp_path):
    program = Program(rng)
    program.conv("one", "x", 3, 2, 3)
    program.constants["other"] = np.arange(3)
    arrays = weight_files.read(saved(program.model("one"), tmp_path))
    assert arrays.keys() == {"one.weight", "one.bias", "other"}
    np.testing.assert_array_equal(arrays["one.weight"], program.constants["Conv__0_weights"])
    np.testing.assert_array_equal(arrays["one.bias"], program.constants["Conv__0_bias"])


def test_names_that_a_layer_has_stay_and_shared_kernels_have_two(rng, tmp_path):
    """Also of constants that are nodes, and of one that something else takes, too."""
    program = Program(rng)
    program.conv("out", "x", 3, 2, 3)
    node = program.nodes.pop()
    node.input[1], node.input[2] = "conv1.weight", "shared"
    add = onnx.helper.make_node("Add", ["out", "shared"], ["sum"])
    kernel = onnx.numpy_helper.from_array(np.ones((2, 3, 3, 3), np.float32), "k")
    constant = onnx.helper.make_node("Constant", [], ["conv1.weight"], value=kernel)
    other = onnx.helper.make_node("Conv", ["x", "Conv__0_weights", "shared"], ["other"])
    third = onnx.helper.make_node("Conv", ["x", "Conv__0_weights"], ["third"])
    program.constants["shared"] = np.float32([1, 2])
    program.nodes += [constant, node, add, other, third]
    arrays = weight_files.read(saved(program.model("sum"), tmp_path))
    assert arrays.keys() == {
        *("conv1.weight", "out.bias", "other.weight", "other.bias", "third.weight", "shared", "Conv__0_bias")
    }
    np.testing.assert_array_equal(arrays["other.weight"], arrays["third.weight"])
    np.testing.assert_array_equal(arrays["conv1.weight"], np.ones((2, 3, 3, 3)))


def test_open_nsfw_is_what_onnx_computes(rng, tmp_path):
    """Strides in the first 1x1, one-sided padding of the maximum, folded BatchNorm, blue first."""
    from onnx.reference import ReferenceEvaluator

    model = open_nsfw(rng, stages=(2, 1), width=3, stem_width=5)
    arrays = weight_files.read(saved(model, tmp_path))
    found = published.recognise(arrays, {"resnet": resnet.published})
    options = {"depth": 50, "stages": (2, 1), "width": 3, "stem": "standard", "stem_width": 5}
    assert found.published.options == options | {"stem_pool": "end", "version": "1"}
    made, net = published.converted(arrays, found), resnet.build(**found.published.options)
    images = np.float32(rng.integers(0, 256, (2, 36, 44, 3)))  # red, green, blue
    shapes = jax.eval_shape(lambda key: net.init(key, images, train=False), jax.random.key(0))
    own = {path: array.shape for path, array in flatten_dict(shapes).items()}
    assert published.difference(own, made, found) == ""
    mean, deviation = map(np.float32, found.published.pixels)
    apply = jax.jit(partial(net.apply, train=False))
    features = apply(unflatten_dict(made), (images / 255 - mean) / deviation)
    blue_first = (images[..., ::-1] - MEANS).transpose(0, 3, 1, 2)
    (expected,) = ReferenceEvaluator(model).run(None, {"x": blue_first})
    np.testing.assert_allclose(features, expected[..., 0, 0], rtol=1e-4, atol=1e-4 * np.abs(expected).max())
    assert [module.name for module in published.left(arrays, found)] == ["fc_nsfw"]


def test_the_whole_network_is_half_a_resnet_50():
    shapes = {_open_nsfw.FIRST: (64, 3, 7, 7)}
    for s, count in enumerate((3, 4, 6, 3)):
        for b in range(count):
            shapes[f"bn_stage{s}_block{b}_branch2c/FusedBatchNormV3:0.weight"] = (128 << s, 32 << s, 1, 1)
    options = resnet.published(shapes).options
    assert options["stages"] == () and options["width"] == 32 and options["stem_width"] == 64


def test_damaged_models(rng, tmp_path):
    program = Program(rng)
    program.conv(_open_nsfw.FIRST.removesuffix(".weight"), "x", 3, 2, 7)
    model = program.model("bn_1/FusedBatchNormV3:0")
    with pytest.raises(UserError, match="no kernel 'bn_stage0_block0_branch2c/.*'; it is damaged"):
        published.recognise(weight_files.read(saved(model, tmp_path)), {"resnet": resnet.published})
    onnx.external_data_helper.set_external_data(model.graph.initializer[0], "elsewhere.bin")
    (tmp_path / "b.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(UserError, match="b.onnx' keeps 'Conv__0_weights' in another file"):
        weight_files.read(tmp_path / "b.onnx")
    whole = open_nsfw(rng, stages=(1,), width=2, stem_width=2).SerializeToString()
    (tmp_path / "c.onnx").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="c.onnx' is no file of weights, or is cut short"):
        weight_files.read(tmp_path / "c.onnx")


@pytest.mark.parametrize("kind", ["Conv", "Constant"])
def test_nodes_without_an_output(rng, tmp_path, kind):
    program = Program(rng)
    program.conv("one", "x", 3, 2, 3)
    model = program.model("one")
    model.graph.node.append(onnx.helper.make_node(kind, ["x", "Conv__0_weights"][: 2 * (kind == "Conv")], []))
    with pytest.raises(UserError, match=f"is damaged .a {kind} without an output"):
        weight_files.read(saved(model, tmp_path))


def test_constants_elsewhere_without_a_place(rng, tmp_path):
    program = Program(rng)
    program.conv("one", "x", 3, 2, 3)
    model = program.model("one")
    model.graph.initializer[0].data_location = onnx.TensorProto.EXTERNAL
    (tmp_path / "a.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(UserError, match="a.onnx' keeps 'Conv__0_weights' in another file"):
        weight_files.read(tmp_path / "a.onnx")
