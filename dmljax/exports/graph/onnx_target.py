"""ONNX as a target: each of the few operations as nodes of an ONNX graph, opset 17."""

from __future__ import annotations

from typing import Any

import numpy as np

from dmljax.exports.graph.values import Value, number
from dmljax.exports.graph.windows import Unknown

OPSET, IR = 17, 8  # IR: version of the file, of the time of that opset
BATCH, IMAGES = "n", "images"
UNARY = {
    **{
        kind: kind.capitalize()
        for kind in "exp log tanh sqrt neg abs floor ceil erf sign sin cos not".split()
    },
    "logistic": "Sigmoid",
}
BINARY = {
    **{kind: kind.capitalize() for kind in "add sub mul div max min pow and or".split()},
    **{"lt": "Less", "le": "LessOrEqual", "gt": "Greater", "ge": "GreaterOrEqual", "eq": "Equal"},
}
REDUCE = {"sum": "ReduceSum", "max": "ReduceMax", "min": "ReduceMin", "prod": "ReduceProd"}


class Target:
    """A graph in the making; tensors are names.

    Attributes:
      name: of the runtime, for messages.
      images: the input's tensor.
    """

    name, images = "ONNX", IMAGES

    def __init__(self):
        self._nodes: list[Any] = []
        self._numbers: dict[tuple, str] = {}  # names of known tensors by what they hold
        self._initializers: list[Any] = []

    def tensor(self, value: Value) -> str:
        """A value's name in the graph."""
        return self._number(value.tensor) if value.known else value.tensor

    def full(self, value: Value, shape: tuple) -> Value:
        """A value with all of its axes expanded to `shape`."""
        if value.shape == shape:
            return value
        if value.known and all(isinstance(n, int) for n in shape):
            return number(np.broadcast_to(value.tensor, shape))
        parts = [self._of(n) for n in shape]
        wanted = parts[0] if len(parts) == 1 else self._node("Concat", parts, axis=0)
        return Value(self._node("Expand", [self.tensor(value), wanted]), shape)

    def shaped(self, value: Value, shape: tuple) -> Value:
        """A value in another shape, of which one axis may be the number of images, or a multiple."""
        if value.shape == shape:
            return value
        if value.known:
            return number(value.tensor.reshape(shape))
        open_axes = [n for n in shape if not isinstance(n, int)]
        if len(open_axes) > 1:
            raise Unknown("two axes depend on the number of images")
        wanted = self._integers([n if isinstance(n, int) else -1 for n in shape])
        return Value(self._node("Reshape", [self.tensor(value), wanted]), shape)

    def unary(self, kind: str, x: str) -> str:
        return self._node(UNARY[kind], [x])

    def binary(self, kind: str, x: str, y: str) -> str:
        return self._node(BINARY[kind], [x, y])

    def where(self, chosen: str, yes: str, no: str) -> str:
        return self._node("Where", [chosen, yes, no])

    def cast(self, x: str, dtype: np.dtype) -> str:
        from onnx import helper

        return self._node("Cast", [x], to=helper.np_dtype_to_tensor_dtype(dtype))

    def transpose(self, x: str, order: tuple) -> str:
        return self._node("Transpose", [x], perm=list(order))

    def reduce(self, kind: str, x: str, axes: tuple) -> str:
        if kind == "sum":
            return self._node(REDUCE[kind], [x, self._integers(axes)], keepdims=0)
        return self._node(REDUCE[kind], [x], axes=list(axes), keepdims=0)

    def argument(self, kind: str, x: str, axis: int, dtype: np.dtype) -> str:
        return self.cast(
            self._node({"argmax": "ArgMax", "argmin": "ArgMin"}[kind], [x], axis=axis, keepdims=0), dtype
        )

    def concatenate(self, several: list[str], axis: int) -> str:
        return self._node("Concat", several, axis=axis)

    def cut(self, x: str, cut: dict[int, tuple[int, int, int]]) -> str:
        firsts, lasts, steps = (self._integers(part) for part in zip(*cut.values()))
        return self._node("Slice", [x, firsts, lasts, self._integers(cut), steps])

    def reverse(self, x: str, axes: tuple) -> str:
        ends = [np.iinfo(np.int64).min] * len(axes)
        numbers = [self._integers(part) for part in ([-1] * len(axes), ends, axes, [-1] * len(axes))]
        return self._node("Slice", [x, *numbers])

    def pad(self, x: str, pads: list[tuple[int, int]], value: np.ndarray) -> str:
        flat = self._integers([low for low, _ in pads] + [high for _, high in pads])
        return self._node("Pad", [x, flat, self._number(value)])

    def take(self, x: str, axis: int, numbers: np.ndarray) -> str:
        return self._node("Gather", [x, self._integers(numbers)], axis=axis)

    def matmul(self, x: str, y: str) -> str:
        return self._node("MatMul", [x, y])

    def einsum(self, equation: str, x: str, y: str) -> str:
        return self._node("Einsum", [x, y], equation=equation)

    def convolution(self, x: str, kernel: Value, *, strides, pads, dilation, groups: int, size) -> str:
        """Images [N, H, W, C] and a kernel [H, W, in, out]; ONNX has the channels first."""
        filters = (
            number(np.ascontiguousarray(kernel.tensor.transpose(3, 2, 0, 1)))
            if kernel.known
            else Value(self.transpose(kernel.tensor, (3, 2, 0, 1)), ())
        )
        made = self._node(
            "Conv",
            [self.transpose(x, (0, 3, 1, 2)), self.tensor(filters)],
            strides=list(strides),
            pads=[low for low, _ in pads] + [high for _, high in pads],
            dilations=list(dilation),
            group=groups,
        )
        return self.transpose(made, (0, 2, 3, 1))

    def maximum(self, x: str, size, strides, pads) -> str:
        made = self._node(
            "MaxPool",
            [self.transpose(x, (0, 3, 1, 2))],
            kernel_shape=list(size),
            strides=list(strides),
            pads=[low for low, _ in pads] + [high for _, high in pads],
        )
        return self.transpose(made, (0, 2, 3, 1))

    def model(self, outputs: dict[str, str], shapes: dict[str, tuple], size: int, metadata: dict[str, str]):
        """The finished model, with named outputs, float32 [N, ...].

        Args:
          outputs: tensors by name.
          shapes: of each, without the number of images.
          size: side of the images.
          metadata: texts that go into the file.
        """
        import onnx
        from onnx import TensorProto, helper

        for name, tensor in outputs.items():
            self._nodes.append(helper.make_node("Identity", [tensor], [name]))
        graph = helper.make_graph(
            self._nodes,
            "dmljax",
            [helper.make_tensor_value_info(IMAGES, TensorProto.UINT8, [BATCH, size, size, 3])],
            [helper.make_tensor_value_info(k, TensorProto.FLOAT, [BATCH, *shapes[k]]) for k in outputs],
            self._initializers,
        )
        made = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR, producer_name="dmljax"
        )
        helper.set_model_props(made, metadata)
        onnx.checker.check_model(made, full_check=True)
        return made

    def _node(self, kind: str, inputs: list[str], **attributes) -> str:
        from onnx import helper

        name = f"{kind.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def _of(self, length) -> str:
        """A length as a tensor [1]; that of the batch is known when the model runs."""
        if isinstance(length, int):
            return self._integers([length])
        if str(length) != BATCH:
            raise Unknown(f"an axis of the length {length}")
        shape = self._node("Shape", [IMAGES])
        return self._node("Slice", [shape, self._integers([0]), self._integers([1])])

    def _integers(self, values) -> str:
        return self._number(np.array([int(each) for each in values], np.int64))

    def _number(self, array: np.ndarray) -> str:
        from onnx import numpy_helper

        key = (array.shape, array.dtype.str, array.tobytes())
        if key not in self._numbers:
            self._numbers[key] = name = f"number_{len(self._numbers)}"
            self._initializers.append(numpy_helper.from_array(np.asarray(array), name))
        return self._numbers[key]
