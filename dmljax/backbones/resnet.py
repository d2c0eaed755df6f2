"""ResNet 18/34/50/101, version 1.5 (the stride of a bottleneck is in its 3x3 convolution), in Flax linen.

Padding is explicit (3 in the stem, 1 elsewhere) and BatchNorm's epsilon is 1e-5, as in the published weights; Flax's
'SAME' would pad a strided convolution on the other side. He et al., arXiv:1512.03385.
"""
from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from dmljax.types import UserError

STEMS = ("standard", "small")
CONVOLUTIONS = ("auto", "xla", "matmul")
STAGES = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}


class _Block(nn.Module):
    """A residual block: `kernels` are its convolutions' sizes, the stride is in the first 3x3."""

    filters: tuple[int, ...]
    kernels: tuple[int, ...]
    stride: int
    conv: Callable
    norm: Callable
    zero_init_residual: bool

    @nn.compact
    def __call__(self, x):
        strided = self.kernels.index(3)
        y = x
        for k, (features, size) in enumerate(zip(self.filters, self.kernels)):
            last = k == len(self.kernels) - 1
            y = self.conv(features, size, self.stride if k == strided else 1, name=f"conv{k + 1}")(y)
            zero = last and self.zero_init_residual
            y = self.norm(name=f"norm{k + 1}", scale_init=nn.initializers.zeros if zero else nn.initializers.ones)(y)
            if not last:
                y = nn.relu(y)
        if self.stride != 1 or x.shape[-1] != self.filters[-1]:
            x = self.norm(name="norm_shortcut")(self.conv(self.filters[-1], 1, self.stride, name="conv_shortcut")(x))
        return nn.relu(x + y)


class ResNet(nn.Module):
    """Images [N, H, W, C] -> pooled features, float32 [N, F]; F = 4 * 8 * width for bottlenecks, 8 * width otherwise
    (with four stages).

    Attributes:
      stages: residual blocks per stage; the width doubles and the resolution halves from stage to stage.
      width: filters of the stem and of the first stage.
      bottleneck: 1x1, 3x3, 1x1 blocks (50, 101) instead of 3x3, 3x3 (18, 34).
      dtype: of the activations; parameters and BatchNorm statistics are float32.
      axis_name: device axis over which BatchNorm is synchronised, or None.
      momentum: of BatchNorm's running statistics.
      stem: 'standard' (7x7, stride 2, then a 3x3 maximum, stride 2) or 'small' (3x3, stride 2), which keeps the detail of
        images well below 224 pixels.
      convolution: how convolutions are computed, 'xla' or 'matmul'; the parameters are the same.
      remat: recompute each block's activations in the backward pass, to save memory.
      zero_init_residual: start every block as the identity (its last BatchNorm scale is zero).
    """

    stages: tuple[int, ...] = STAGES[50]
    width: int = 64
    bottleneck: bool = True
    dtype: Any = jnp.float32
    axis_name: str | None = None
    momentum: float = 0.9
    stem: str = "standard"
    convolution: str = "xla"
    remat: bool = False
    zero_init_residual: bool = True

    @nn.compact
    def __call__(self, x, *, train: bool):
        norm = partial(
            nn.BatchNorm, use_running_average=not train, momentum=self.momentum, epsilon=1e-5, dtype=self.dtype,
            axis_name=None if self.is_initializing() else self.axis_name,
        )
        conv = partial(Conv, dtype=self.dtype, method=self.convolution)
        standard = self.stem == "standard"
        x = conv(self.width, 7 if standard else 3, 2, name="conv_stem")(x.astype(self.dtype))
        x = nn.relu(norm(name="norm_stem")(x))
        if standard:
            x = nn.max_pool(x, (3, 3), strides=(2, 2), padding=((1, 1), (1, 1)))
        block = nn.remat(_Block) if self.remat else _Block
        for s, count in enumerate(self.stages):
            filters = self.width << s
            for b in range(count):
                x = block(
                    filters=(filters, filters, 4 * filters) if self.bottleneck else (filters, filters),
                    kernels=(1, 3, 1) if self.bottleneck else (3, 3),
                    stride=2 if b == 0 and s > 0 else 1,
                    conv=conv, norm=norm, zero_init_residual=self.zero_init_residual,
                    name=f"stage{s + 1}_block{b + 1}",
                )(x)
        return x.mean(axis=(1, 2), dtype=jnp.float32)


class Conv(nn.Module):
    """A convolution without bias, padded by (size - 1) / 2 on every side; its kernel is [size, size, in, out].

    On a CPU, XLA's convolutions are slow for few channels. As `matmul` the kernel's shifted views of the image are laid
    side by side and multiplied once; a stem's 7x7 stays a convolution.
    """

    features: int
    size: int
    stride: int
    dtype: Any
    method: str = "xla"

    @nn.compact
    def __call__(self, x):
        init = nn.initializers.variance_scaling(2.0, "fan_out", "normal")
        kernel = self.param("kernel", init, (self.size, self.size, x.shape[-1], self.features)).astype(self.dtype)
        x, s, pad = x.astype(self.dtype), self.stride, (self.size - 1) // 2
        if self.method == "xla" or self.size > 3:
            return jax.lax.conv_general_dilated(x, kernel, (s, s), ((pad, pad), (pad, pad)), dimension_numbers=("NHWC", "HWIO", "NHWC"))
        height, width = ((n + 2 * pad - self.size) // s + 1 for n in x.shape[1:3])
        x = jnp.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
        views = [x[:, i : i + s * (height - 1) + 1 : s, j : j + s * (width - 1) + 1 : s]
                 for i in range(self.size) for j in range(self.size)]
        flat = jnp.concatenate(views, -1).reshape(-1, len(views) * x.shape[-1])
        return (flat @ kernel.reshape(-1, self.features)).reshape(-1, height, width, self.features)


def default_config() -> dict:
    """Fields: `depth` (18, 34, 50, 101), `width` of the first stage, `stages` (blocks per stage; empty: the depth's),
    `stem` ('standard', or 'small' for small images), `convolution` ('xla', 'matmul', or 'auto': matmul on a CPU),
    `momentum` of BatchNorm, `zero_init_residual`."""
    return {"depth": 50, "width": 64, "stages": (), "stem": "standard", "convolution": "auto", "momentum": 0.9, "zero_init_residual": True}


def build(*, depth: int = 50, width: int = 64, stages: tuple[int, ...] = (), stem: str = "standard", convolution: str = "auto",
          momentum: float = 0.9, zero_init_residual: bool = True, dtype=jnp.float32, axis_name: str | None = None, remat: bool = False,
          name: str | None = None) -> ResNet:
    """A ResNet by its depth.

    Raises:
      UserError: an unknown depth or stem, or a width or stage below one.
    """
    if depth not in STAGES:
        raise UserError(f"backbone.resnet.depth must be one of {', '.join(map(str, STAGES))}, got {depth}")
    stages = tuple(stages) or STAGES[depth]
    if width < 1 or any(count < 1 for count in stages):
        raise UserError(f"backbone.resnet: width and stages must be at least 1, got width={width}, stages={stages}")
    if stem not in STEMS:
        raise UserError(f"backbone.resnet.stem must be one of {', '.join(STEMS)}, got '{stem}'")
    if convolution not in CONVOLUTIONS:
        raise UserError(f"backbone.resnet.convolution must be one of {', '.join(CONVOLUTIONS)}, got '{convolution}'")
    if convolution == "auto":
        convolution = "matmul" if jax.default_backend() == "cpu" else "xla"
    return ResNet(
        stages=stages, width=width, bottleneck=depth >= 50, dtype=dtype, axis_name=axis_name, momentum=momentum, stem=stem,
        convolution=convolution, remat=remat, zero_init_residual=zero_init_residual, name=name,
    )
