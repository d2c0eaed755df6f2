"""EfficientNet-Lite 0 to 4 in Flax linen: inverted residuals without squeeze-and-excitation, with ReLU6.

Tan & Le, arXiv:1905.11946; in the Lite variants stem and last convolution are as wide in every version.
Convolutions are padded as TensorFlow's 'SAME' and BatchNorm's epsilon is 1e-3, as in the published weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import flax.linen as nn
import jax.numpy as jnp

from dmljax.backbones import _parts, _published
from dmljax.types import Published, UserError


class Stage(NamedTuple):
    """Blocks of one width: how many, kernel size, stride of the first, widening inside, features."""

    blocks: int
    size: int
    stride: int
    expand: int
    features: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)
VERSIONS = {0: (1.0, 1.0), 1: (1.0, 1.1), 2: (1.1, 1.2), 3: (1.2, 1.4), 4: (1.4, 1.8)}  # width, depth
STEM = 32  # features
PIXELS = ((127 / 255,) * 3, (128 / 255,) * 3)  # of all channels: (grey level - 127) / 128
EPSILON = 1e-3


class _Block(nn.Module):
    """1x1 that widens (unless `expand` is 1), depthwise, 1x1 that narrows; added to what fits it."""

    stage: Stage
    stride: int
    conv: Callable
    norm: Callable
    drop: Callable | None = None

    @nn.compact
    def __call__(self, x):
        inside, y = self.stage.expand * x.shape[-1], x
        if self.stage.expand != 1:
            y = nn.relu6(self.norm(name="norm_expand")(self.conv(inside, 1, 1, name="conv_expand")(y)))
        y = self.conv(inside, self.stage.size, self.stride, depthwise=True, name="conv_depthwise")(y)
        y = nn.relu6(self.norm(name="norm_depthwise")(y))
        y = self.norm(name="norm_project")(self.conv(self.stage.features, 1, 1, name="conv_project")(y))
        if self.stride != 1 or x.shape[-1] != self.stage.features:
            return y
        return x + (y if self.drop is None else self.drop()(y))


class EfficientNetLite(_parts.Convolutional):
    """Images [N, H, W, 3] -> pooled features, float32 [N, F].

    Attributes:
      stages: blocks, widths and strides.
      features: F, the width of the last convolution.
      stochastic_depth: probability of dropping the last block's residual of an image while training; it grows
        evenly from 0 with the depth. Draws from the random numbers 'dropout'.
      The others: see `_parts.Convolutional`; the stem is of stride 2, the small one of stride 1 with the same
        parameters, and `remat` recomputes blocks.
    """

    stages: tuple[Stage, ...] = STAGES
    features: int = 1280
    stochastic_depth: float = 0.0

    @nn.compact
    def __call__(self, x, *, train: bool):
        conv, norm = self.layers(train=train, epsilon=EPSILON, same=True)
        first = conv(STEM, 3, 2 if self.stem == "standard" else 1, name="conv_stem")
        x = nn.relu6(norm(name="norm_stem")(first(x)))
        block = nn.remat(_Block) if self.remat else _Block
        names = [(s, b) for s, stage in enumerate(self.stages) for b in range(stage.blocks)]
        for number, (s, b) in enumerate(names):
            rate = self.stochastic_depth * number / max(len(names) - 1, 1)
            x = block(
                self.stages[s],
                self.stages[s].stride if b == 0 else 1,
                conv,
                norm,
                _parts.dropped(rate, train=train),
                name=f"stage{s + 1}_block{b + 1}",
            )(x)
        x = nn.relu6(norm(name="norm_last")(conv(self.features, 1, 1, name="conv_last")(x)))
        return x.mean(axis=(1, 2), dtype=jnp.float32)


SMALL = tuple(
    {"width": 0.2, "blocks": (1, 2, 1, 1, 1, 1, 1), "features": 8, "stem": stem} for stem in _parts.STEMS
)


def build(
    *,
    version: int = 0,
    width: float = 0.0,
    blocks: tuple[int, ...] = (),
    features: int = 1280,
    stem: str = "standard",
    convolution: str = "auto",
    momentum: float = 0.9,
    stochastic_depth: float = 0.0,
    dtype=jnp.float32,
    axis_name: str | None = None,
    remat: bool = False,
    name: str | None = None,
) -> EfficientNetLite:
    """An EfficientNet-Lite by its version.

    Args:
      version: 0 to 4.
      width: of the stages, as a multiple of version 0's, above 0; 0: the version's.
      blocks: of each of the seven stages, at least 1; empty: the version's.
      features: width of the last convolution, at least 1.
      stem: 'standard', or 'small' for small images, which takes the same weights.
      convolution: how it is computed, 'xla', 'matmul', or 'auto': matmul on a CPU.
      momentum: of BatchNorm's running statistics, 0 to 1. DIFFERS: published with 0.99, for runs of
        hundreds of thousands of steps.
      stochastic_depth: probability, below 1, of dropping an image's residual in the last block while
        training; 0: none.
      dtype: of the activations.
      axis_name: of the devices, for BatchNorm over all of them; None: each for itself.
      remat: recompute blocks in the backward pass to save memory.
      name: of the module.

    Raises:
      UserError: an option out of its range.
    """
    _parts.check(
        "efficientnet_lite",
        allowed={
            "version": (version, tuple(VERSIONS)),
            "stem": (stem, _parts.STEMS),
            "convolution": (convolution, _parts.CONVOLUTIONS),
        },
        positive={"features": (features,), "blocks": tuple(blocks)},
    )
    if not 0 <= width < math.inf:
        raise UserError(f"backbone.efficientnet_lite.width must be at least 0; got {width}")
    if not 0 <= stochastic_depth < 1:
        raise UserError(
            "backbone.efficientnet_lite.stochastic_depth must be at least 0 and below 1; got"
            f" {stochastic_depth}"
        )
    if blocks and len(blocks) != len(STAGES):
        raise UserError(
            f"backbone.efficientnet_lite.blocks must be {len(STAGES)} numbers, one a stage, or none; got"
            f" {len(blocks)}"
        )
    return EfficientNetLite(
        stages=_scaled(width or VERSIONS[version][0], tuple(blocks) or _blocks(version)),
        features=features,
        dtype=dtype,
        axis_name=axis_name,
        momentum=momentum,
        stem=stem,
        convolution=convolution,
        remat=remat,
        stochastic_depth=stochastic_depth,
        name=name,
    )


def _blocks(version: int) -> tuple[int, ...]:
    """Of each stage; the first and the last one keep theirs, as in the published networks."""
    inner = range(1, len(STAGES) - 1)
    return tuple(
        math.ceil(VERSIONS[version][1] * stage.blocks) if s in inner else stage.blocks
        for s, stage in enumerate(STAGES)
    )


def _scaled(width: float, blocks: tuple[int, ...]) -> tuple[Stage, ...]:
    """The stages with other widths, multiples of 8 that lose at most a tenth."""

    def multiple(features: float) -> int:
        rounded = max(8, int(features + 4) // 8 * 8)
        return rounded + 8 if rounded < 0.9 * features else rounded

    return tuple(
        stage._replace(blocks=count, features=multiple(width * stage.features))
        for stage, count in zip(STAGES, blocks)
    )


def stages(net: EfficientNetLite) -> dict[str, tuple[str, ...]]:
    """The modules of each stage, from the image on."""
    blocks = {
        f"stage{s + 1}": tuple(f"stage{s + 1}_block{b + 1}" for b in range(stage.blocks))
        for s, stage in enumerate(net.stages)
    }
    return {"stem": ("conv_stem", "norm_stem")} | blocks | {"last": ("conv_last", "norm_last")}


def names(net: EfficientNetLite) -> dict[str, tuple[str, ...]]:
    """What efficientnet_lite_pytorch calls the arrays -> their places: _conv_stem, _blocks.0._expand_conv."""
    return _names(tuple(stage.blocks for stage in net.stages))


def _names(counts: tuple[int, ...]) -> dict[str, tuple[str, ...]]:
    """Those of so many blocks a stage, as if every block were widened first."""
    paths = _published.convolution("_conv_stem", "conv_stem") | _published.norm("_bn0", "norm_stem")
    paths |= _published.convolution("_conv_head", "conv_last") | _published.norm("_bn1", "norm_last")
    here = [f"stage{s + 1}_block{b + 1}" for s, count in enumerate(counts) for b in range(count)]
    for k, block in enumerate(here):
        for conv, bn, role in (
            ("_expand_conv", "_bn0", "expand"),
            ("_depthwise_conv", "_bn1", "depthwise"),
            ("_project_conv", "_bn2", "project"),
        ):
            paths |= _published.convolution(f"_blocks.{k}.{conv}", block, f"conv_{role}")
            paths |= _published.norm(f"_blocks.{k}.{bn}", block, f"norm_{role}")
    return paths


def published(shapes: Mapping[str, tuple[int, ...]]) -> Published | None:
    """Weights under the names of efficientnet_lite_pytorch; see `names`.

    Args:
      shapes: of all tensors of a file by name.

    Returns:
      None where these are not an EfficientNet-Lite's.
    """
    wanted = {"_conv_stem.weight", "_blocks.0._depthwise_conv.weight", "_conv_head.weight"}
    if not wanted <= shapes.keys():
        return None
    if any("_se_reduce" in name for name in shapes):
        raise UserError("is of an EfficientNet with squeeze-and-excitation; the Lite variants have none")
    _published.check_stem(shapes["_conv_stem.weight"], 3)
    count = _published.counted(shapes, "_blocks.{}._depthwise_conv.weight")
    versions = [version for version in VERSIONS if sum(_blocks(version)) == count and _fits(version, shapes)]
    if not versions:
        raise UserError(f"is of an EfficientNet of {count} blocks that is none of Lite 0 to 4")
    options = {"version": versions[0], "width": 0.0, "blocks": ()}
    return Published(
        options | {"features": shapes["_conv_head.weight"][0]}, _names(_blocks(versions[0])), PIXELS
    )


def _fits(version: int, shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Whether the widths of all stages are a version's."""
    stages, first = _scaled(VERSIONS[version][0], _blocks(version)), 0
    for stage in stages:
        if shapes.get(f"_blocks.{first}._project_conv.weight", (0,))[0] != stage.features:
            return False
        first += stage.blocks
    return True
