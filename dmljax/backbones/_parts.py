"""What the backbones share: their fields, the stem, the convolution, and the check of their options."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from dmljax.types import UserError, nearest

STEMS = ("standard", "small")
CONVOLUTIONS = ("auto", "xla", "matmul")


def padding(length: int, size: int, stride: int, *, same: bool) -> tuple[int, int]:
    """Zeros before and after a side of so many pixels: (size - 1) / 2 each, or as few as give every stride
    one output, the odd one at the end (TensorFlow's 'SAME').
    """
    if not same:
        return (size - 1) // 2, (size - 1) // 2
    whole = max((-(-length // stride) - 1) * stride + size - length, 0)
    return whole // 2, whole - whole // 2


class Conv(nn.Module):
    """A convolution without bias; its kernel is [size, size, in, out], or [size, size, 1, in] of one for each
    channel. How it is padded: see `padding`.

    On a CPU, XLA's convolutions are slow with 1x1 kernels, on small pictures, and channel by channel. As
    `matmul` the kernel's shifted views of the image are laid side by side and multiplied once, or, channel by
    channel, weighted and added. A stem's 7x7 is slow in its gradient alone: it is one product where `trains`.
    """

    features: int
    size: int
    stride: int
    dtype: Any
    method: str = "xla"
    same: bool = False
    depthwise: bool = False
    trains: bool = False

    @nn.compact
    def __call__(self, x):
        init = nn.initializers.variance_scaling(2.0, "fan_in" if self.depthwise else "fan_out", "normal")
        channels = 1 if self.depthwise else x.shape[-1]
        kernel = self.param("kernel", init, (self.size, self.size, channels, self.features)).astype(
            self.dtype
        )
        small = self.size <= 3 or self.depthwise or self.trains
        x, method = x.astype(self.dtype), self.method if small else "xla"
        pads = tuple(padding(n, self.size, self.stride, same=self.same) for n in x.shape[1:3])
        how: dict[str, Any] = {"stride": self.stride, "pads": pads, "depthwise": self.depthwise}
        return _chosen(method, partial(_product, **how), partial(_convolution, **how), x, kernel)


def _chosen(method: str, product: Callable, convolution: Callable, *arrays: jax.Array) -> jax.Array:
    """What one of the two makes of the arrays; by 'auto' the platform decides for which a program is lowered,
    so that one that is exported for several of them suits each.
    """
    if method == "auto":
        return jax.lax.platform_dependent(*arrays, cpu=product, default=convolution)
    return {"matmul": product, "xla": convolution}[method](*arrays)


def _convolution(x: jax.Array, kernel: jax.Array, *, stride: int, pads, depthwise: bool) -> jax.Array:
    return jax.lax.conv_general_dilated(
        x,
        kernel,
        (stride, stride),
        pads,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=x.shape[-1] if depthwise else 1,
    )


def _product(x: jax.Array, kernel: jax.Array, *, stride: int, pads, depthwise: bool) -> jax.Array:
    size, features, s = kernel.shape[0], kernel.shape[-1], stride
    height, width = ((n + sum(pad) - size) // s + 1 for n, pad in zip(x.shape[1:3], pads))
    x = jnp.pad(x, ((0, 0), *pads, (0, 0)))
    rows, columns = s * (height - 1) + 1, s * (width - 1) + 1
    views = [
        jax.lax.slice(x, (0, i, j, 0), (x.shape[0], i + rows, j + columns, x.shape[3]), (1, s, s, 1))
        for i in range(size)
        for j in range(size)
    ]
    if depthwise:
        weights = kernel.reshape(len(views), 1, 1, 1, features)
        return sum((view * weight for view, weight in zip(views[1:], weights[1:])), views[0] * weights[0])
    flat = jnp.concatenate(views, -1).reshape(-1, len(views) * x.shape[-1])
    return (flat @ kernel.reshape(-1, features)).reshape(-1, height, width, features)


def maximum_of_3x3(x: jax.Array, method: str, *, before: int = 1) -> jax.Array:
    """The largest of each 3x3 window, stride 2: float [N, H, W, C] -> [N, (H + b) // 2, (W + b) // 2, C],
    padded by b = `before`, 0 or 1, at the beginning of each side and by 1 at its end.

    On a CPU, the gradient of XLA's pooling is slow. As `matmul` the maximum is taken down the rows, then
    along the columns, over shifted views; values that are equally large share the gradient there, where XLA
    gives it to the first.
    """
    return _chosen(method, partial(_maximum_of_views, before=before), partial(_pooled, before=before), x)


def _pooled(x: jax.Array, *, before: int) -> jax.Array:
    return nn.max_pool(x, (3, 3), strides=(2, 2), padding=((before, 1), (before, 1)))


def _maximum_of_views(x: jax.Array, *, before: int) -> jax.Array:
    for axis in (1, 2):
        half = (x.shape[axis] + before) // 2
        ends = [(before, 1) if a == axis else (0, 0) for a in range(x.ndim)]
        x = jnp.pad(x, ends, constant_values=-jnp.inf)
        one, two, three = (jax.lax.slice_in_dim(x, k, k + 2 * half - 1, 2, axis) for k in range(3))
        x = jnp.maximum(jnp.maximum(one, two), three)
    return x


class Convolutional(nn.Module):
    """The fields of every backbone, and what makes its layers.

    Attributes:
      dtype: of the activations; parameters and BatchNorm statistics are float32.
      axis_name: device axis over which BatchNorm is synchronised, or None.
      momentum: of BatchNorm's running statistics.
      stem: 'standard', or 'small', which keeps the detail of images well below 224 pixels.
      convolution: how convolutions and the stem's maximum are computed, 'xla', 'matmul', or 'auto': matmul
        where the program is lowered for a CPU; the parameters are the same.
      remat: recompute activations in the backward pass, to save memory.
    """

    dtype: Any = jnp.float32
    axis_name: str | None = None
    momentum: float = 0.9
    stem: str = "standard"
    convolution: str = "xla"
    remat: bool = False

    def layers(self, *, train: bool, epsilon: float = 1e-5, same: bool = False) -> tuple[Callable, Callable]:
        """(what makes a convolution, what makes a BatchNorm); called in a compact method."""
        norm = partial(
            nn.BatchNorm,
            use_running_average=not train,
            momentum=self.momentum,
            epsilon=epsilon,
            dtype=self.dtype,
            axis_name=None if self.is_initializing() else self.axis_name,
        )
        conv = partial(Conv, dtype=self.dtype, method=self.convolution, same=same, trains=train)
        return conv, norm


class Backbone(Convolutional):
    """The beginning of ResNet and DenseNet.

    Its stem is 7x7, stride 2, then a 3x3 maximum, stride 2; the small one 3x3, stride 2.

    Attributes:
      width: filters of the stem, where a backbone gives it no width of its own.
      The others: see `Convolutional`.
    """

    width: int = 64

    def begin(
        self, x: jax.Array, *, train: bool, filters: int = 0, before: int = 1
    ) -> tuple[jax.Array, Callable, Callable]:
        """(the stem's output, what makes a convolution, what makes a BatchNorm); called in a compact
        method.

        Args:
          filters: of the stem; 0: `width`.
          before: see `maximum_of_3x3`.
        """
        conv, norm = self.layers(train=train)
        standard = self.stem == "standard"
        x = nn.relu(
            norm(name="norm_stem")(
                conv(filters or self.width, 7 if standard else 3, 2, name="conv_stem")(x.astype(self.dtype))
            )
        )
        x = maximum_of_3x3(x, self.convolution, before=before) if standard else x
        return x, conv, norm


def dropped(rate: float, *, train: bool) -> Callable | None:
    """What drops the residual of whole images with this probability while training; None for 0."""
    return partial(nn.Dropout, rate, (1, 2, 3), deterministic=not train) if rate else None


def check(backbone: str, *, allowed: dict[str, tuple], positive: dict[str, tuple[int, ...]]) -> None:
    """Raises UserError for an option that is none of those allowed (name -> (value, choices)), or a number
    below one.
    """
    for option, (value, choices) in allowed.items():
        if value not in choices:
            known = ", ".join(map(str, choices))
            raise UserError(
                f"backbone.{backbone}.{option} must be one of {known}; got"
                f" '{value}'.{nearest(value, choices)}"
            )
    for option, values in positive.items():
        if any(not isinstance(value, int) or value < 1 for value in values):
            raise UserError(
                f"backbone.{backbone}.{option} must be at least 1; got {', '.join(map(str, values))};"
                " it takes whole numbers"
            )
