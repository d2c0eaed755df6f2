"""ONNX programs with random weights, named as exporters name them."""

import numpy as np
import onnx


class Program:
    """An ONNX program of convolutions with random weights, named as the exporter of OpenNSFW names them."""

    def __init__(self, rng):
        self.rng, self.nodes, self.constants = rng, [], {}

    def add(self, kind, inputs, output, **attributes):
        self.nodes.append(onnx.helper.make_node(kind, inputs, [output], **attributes))
        return output

    def conv(self, layer, source, channels, features, size, stride=1):
        number = len(self.constants)  # a constant's name says nothing
        kernel, bias = f"Conv__{number}_weights", f"Conv__{number}_bias"
        shape = (features, channels, size, size)
        self.constants[kernel] = np.float32(
            self.rng.normal(size=shape) * np.sqrt(2 / (channels * size * size))
        )
        self.constants[bias] = np.float32(self.rng.normal(size=features))
        pads = [size // 2] * 4
        return self.add(
            "Conv", [source, kernel, bias], layer, kernel_shape=[size] * 2, strides=[stride] * 2, pads=pads
        )

    def model(self, output):
        value = lambda name, shape: onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
        constants = [onnx.numpy_helper.from_array(array, name) for name, array in self.constants.items()]
        graph = onnx.helper.make_graph(
            self.nodes, "g", [value("x", [None, 3, None, None])], [value(output, None)], constants
        )
        return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)])


def open_nsfw(rng, *, stages, width, stem_width):
    """Blue, green, red [N, 3, H, W] less the means -> features [N, F, 1, 1]; a classifier is left over."""
    program, layer = Program(rng), "bn_{}/FusedBatchNormV3:0".format
    x = program.add("Relu", [program.conv(layer(1), "x", 3, stem_width, 7, 2)], "r")
    x = program.add("MaxPool", [x], "m", kernel_shape=[3, 3], strides=[2, 2], pads=[0, 0, 1, 1])
    channels = stem_width
    for s, count in enumerate(stages):
        for b in range(count):
            at = lambda branch, s=s, b=b: layer(f"stage{s}_block{b}_{branch}")
            inner, outer, stride = width << s, 4 * width << s, 2 if s and not b else 1
            y = program.conv(at("branch2a"), x, channels, inner, 1, stride)
            y = program.conv(at("branch2b"), program.add("Relu", [y], f"{y}r"), inner, inner, 3)
            y = program.conv(at("branch2c"), program.add("Relu", [y], f"{y}r"), inner, outer, 1)
            if not b:
                x = program.conv(at("proj_shortcut"), x, channels, outer, 1, stride)
            x = program.add("Relu", [program.add("Add", [y, x], f"{y}a")], f"{y}s")
            channels = outer
    program.constants["fc_nsfw"] = np.ones((channels, 2), np.float32)
    return program.model(program.add("GlobalAveragePool", [x], "features"))


def saved(model, tmp_path):
    onnx.save(model, str(tmp_path / "a.onnx"))
    return tmp_path / "a.onnx"
