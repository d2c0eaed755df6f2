"""ResNet 18/34/50/101, version 1.5 (the stride of a bottleneck is in its 3x3 convolution), in Flax linen.

Padding is explicit (3 in the stem, 1 elsewhere) and BatchNorm's epsilon is 1e-5, as in the published weights;
Flax's 'SAME' would pad a strided convolution on the other side. He et al., arXiv:1512.03385.
"""

from __future__ import annotations

from collections.abc import Callable

import flax.linen as nn
import jax.numpy as jnp

from dmljax.backbones import _parts

SCALES = ("last", "all")
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
            y = self.norm(
                name=f"norm{k + 1}", scale_init=nn.initializers.zeros if zero else nn.initializers.ones
            )(y)
            if not last:
                y = nn.relu(y)
        if self.stride != 1 or x.shape[-1] != self.filters[-1]:
            x = self.norm(name="norm_shortcut")(
                self.conv(self.filters[-1], 1, self.stride, name="conv_shortcut")(x)
            )
        return nn.relu(x + y)


class ResNet(_parts.Backbone):
    """Images [N, H, W, C] -> pooled features, float32 [N, F]; F = 4 * 8 * width for bottlenecks, 8 * width
    otherwise (with four stages).

    Attributes:
      stages: residual blocks per stage; the width doubles and the resolution halves from stage to stage.
      width: filters of the stem and of the first stage.
      bottleneck: 1x1, 3x3, 1x1 blocks (50, 101) instead of 3x3, 3x3 (18, 34).
      zero_init_residual: start every block as the identity (its last BatchNorm scale is zero).
      scales: what is pooled: the 'last' stage, or 'all' of them side by side, so that fusion sees fine and
        coarse structure.
      The others: see `_parts.Backbone`; `remat` recomputes blocks.
    """

    stages: tuple[int, ...] = STAGES[50]
    bottleneck: bool = True
    zero_init_residual: bool = True
    scales: str = "last"

    @nn.compact
    def __call__(self, x, *, train: bool):
        x, conv, norm = self.begin(x, train=train)
        pooled = []
        block = nn.remat(_Block) if self.remat else _Block
        for s, count in enumerate(self.stages):
            filters = self.width << s
            for b in range(count):
                x = block(
                    filters=(filters, filters, 4 * filters) if self.bottleneck else (filters, filters),
                    kernels=(1, 3, 1) if self.bottleneck else (3, 3),
                    stride=2 if b == 0 and s > 0 else 1,
                    conv=conv,
                    norm=norm,
                    zero_init_residual=self.zero_init_residual,
                    name=f"stage{s + 1}_block{b + 1}",
                )(x)
            pooled.append(x.mean(axis=(1, 2), dtype=jnp.float32))
        return jnp.concatenate(pooled, -1) if self.scales == "all" else pooled[-1]


SMALL = tuple({"depth": 18, "width": 4, "stages": (1, 1), "stem": stem} for stem in _parts.STEMS)


def build(
    *,
    depth: int = 50,
    width: int = 64,
    stages: tuple[int, ...] = (),
    stem: str = "standard",
    convolution: str = "auto",
    momentum: float = 0.9,
    zero_init_residual: bool = True,
    scales: str = "last",
    dtype=jnp.float32,
    axis_name: str | None = None,
    remat: bool = False,
    name: str | None = None,
) -> ResNet:
    """A ResNet by its depth.

    Args:
      depth: 18, 34, 50 or 101.
      width: filters of the first stage, at least 1.
      stages: blocks of each stage; empty: the depth's.
      stem: 'standard', or 'small' for small images.
      convolution: how it is computed, 'xla', 'matmul', or 'auto': matmul on a CPU.
      momentum: of BatchNorm's running statistics, 0 to 1.
      zero_init_residual: the last BatchNorm of a block starts at 0, and so a block as the identity.
      scales: what is pooled, the 'last' stage or 'all' of them.
      dtype: of the activations.
      axis_name: of the devices, for BatchNorm over all of them; None: each for itself.
      remat: recompute blocks in the backward pass to save memory.
      name: of the module.

    Raises:
      UserError: an unknown depth, stem, convolution or scales, or a width or stage below one.
    """
    _parts.check(
        "resnet",
        allowed={
            "depth": (depth, tuple(STAGES)),
            "stem": (stem, _parts.STEMS),
            "convolution": (convolution, _parts.CONVOLUTIONS),
            "scales": (scales, SCALES),
        },
        positive={"width": (width,), "stages": tuple(stages)},
    )
    return ResNet(
        stages=tuple(stages) or STAGES[depth],
        width=width,
        bottleneck=depth >= 50,
        dtype=dtype,
        axis_name=axis_name,
        momentum=momentum,
        stem=stem,
        convolution=_parts.method(convolution),
        remat=remat,
        zero_init_residual=zero_init_residual,
        scales=scales,
        name=name,
    )
