"""TensorFlow as a target: each of the few operations as one of its own, which its converters know."""

from __future__ import annotations

from typing import Any

import numpy as np

from dmljax.exports.graph.values import Value, number
from dmljax.exports.graph.windows import Unknown

NAMES = {
    **{kind: f"math.{kind}" for kind in "exp log tanh sqrt abs floor ceil erf sign sin cos pow".split()},
    **{"logistic": "math.sigmoid", "neg": "math.negative", "not": "math.logical_not"},
    **{"add": "math.add", "sub": "math.subtract", "mul": "math.multiply", "div": "math.divide"},
    **{"max": "math.maximum", "min": "math.minimum", "and": "math.logical_and", "or": "math.logical_or"},
    **{"lt": "math.less", "le": "math.less_equal", "gt": "math.greater", "ge": "math.greater_equal"},
    **{"eq": "math.equal", "argmax": "math.argmax", "argmin": "math.argmin"},
}


class Target:
    """TensorFlow's operations; tensors are those of a function that is traced.

    Attributes:
      name: of the runtime, for messages.
      images: the input's tensor.
    """

    name = "TensorFlow Lite"

    def __init__(self, images):
        self.images = images

    def tensor(self, value: Value):
        """A value as a tensor."""
        import tensorflow as tf

        return tf.constant(value.tensor) if value.known else value.tensor

    def full(self, value: Value, shape: tuple) -> Value:
        """A value with all of its axes expanded to `shape`."""
        import tensorflow as tf

        if value.shape == shape:
            return value
        if value.known and all(isinstance(n, int) for n in shape):
            return number(np.broadcast_to(value.tensor, shape))
        batch = tf.shape(self.images)[0]
        if any(not isinstance(n, int) and str(n) != "n" for n in shape):
            raise Unknown(f"axes of the lengths {shape}")
        wanted = tf.stack([n if isinstance(n, int) else batch for n in shape])
        return Value(tf.broadcast_to(self.tensor(value), wanted), shape)

    def shaped(self, value: Value, shape: tuple) -> Value:
        """A value in another shape, of which one axis may be the number of images, or a multiple."""
        import tensorflow as tf

        if value.shape == shape:
            return value
        if value.known:
            return number(value.tensor.reshape(shape))
        if sum(not isinstance(n, int) for n in shape) > 1:
            raise Unknown("two axes depend on the number of images")
        return Value(tf.reshape(value.tensor, [n if isinstance(n, int) else -1 for n in shape]), shape)

    def unary(self, kind: str, x):
        return _named(kind)(x)

    def binary(self, kind: str, x, y):
        return _named(kind)(x, y)

    def where(self, chosen, yes, no):
        import tensorflow as tf

        return tf.where(chosen, yes, no)

    def cast(self, x, dtype: np.dtype):
        import tensorflow as tf

        return tf.cast(x, dtype)

    def transpose(self, x, order: tuple):
        import tensorflow as tf

        return tf.transpose(x, order)

    def reduce(self, kind: str, x, axes: tuple):
        import tensorflow as tf

        return getattr(tf.math, f"reduce_{kind}")(x, axes)

    def argument(self, kind: str, x, axis: int, dtype: np.dtype):
        return _named(kind)(x, axis, output_type=dtype)

    def concatenate(self, several: list, axis: int):
        import tensorflow as tf

        return tf.concat(several, axis)

    def cut(self, x, cut: dict[int, tuple[int, int, int]]):
        return x[tuple(slice(*cut[axis]) if axis in cut else slice(None) for axis in range(len(x.shape)))]

    def reverse(self, x, axes: tuple):
        import tensorflow as tf

        return tf.reverse(x, axes)

    def pad(self, x, pads: list[tuple[int, int]], value: np.ndarray):
        import tensorflow as tf

        return tf.pad(x, pads, constant_values=value)

    def take(self, x, axis: int, numbers: np.ndarray):
        import tensorflow as tf

        return tf.gather(x, numbers, axis=axis)

    def matmul(self, x, y):
        import tensorflow as tf

        return tf.matmul(x, y)

    def einsum(self, equation: str, x, y):
        import tensorflow as tf

        return tf.einsum(equation, x, y)

    def convolution(self, x, kernel: Value, *, strides, pads, dilation, groups: int, size):
        """Images [N, H, W, C] and a kernel [H, W, in, out]."""
        import tensorflow as tf

        filters, rows = self.tensor(kernel), kernel.shape[:2]
        channels = int(x.shape[3])
        x, padding = _padded(x, 0.0, rows, strides, pads, size, dilation)
        if groups == 1:
            return tf.nn.conv2d(x, filters, strides, padding, dilations=dilation)
        if groups != channels or strides[0] != strides[1]:
            raise Unknown("a convolution of groups of channels")
        # [H, W, 1, in * each] there, [H, W, in, each] here
        filters = tf.reshape(filters, (*rows, channels, kernel.shape[3] // channels))
        return tf.nn.depthwise_conv2d(x, filters, (1, *strides, 1), padding, dilations=dilation)

    def maximum(self, x, size, strides, pads):
        import tensorflow as tf

        x, padding = _padded(x, -np.inf, size, strides, pads, x.shape[1:3], (1, 1))
        return tf.nn.max_pool2d(x, size, strides, padding)


def _padded(x, value: float, window, strides, pads, size, dilation) -> tuple[Any, str]:
    """(images, padding as TensorFlow names it); they are padded here where it has no name for it."""
    import tensorflow as tf

    if not any(map(any, pads)):
        return x, "VALID"
    same = []
    for n, k, s, d in zip(size, window, strides, dilation):
        missing = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
        same.append((missing // 2, missing - missing // 2))
    if same == list(pads):
        return x, "SAME"
    return tf.pad(
        x, [(0, 0), *pads, (0, 0)], constant_values=np.array(value, x.dtype.as_numpy_dtype)
    ), "VALID"


def _named(kind: str):
    import tensorflow as tf

    found = tf
    for part in NAMES[kind].split("."):
        found = getattr(found, part)
    return found
