"""DenseNet 121/169/201 in Flax linen: every layer sees all layers of its block.

Huang, Liu, van der Maaten & Weinberger, arXiv:1608.06993.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp

from dmljax.backbones import _parts, _published
from dmljax.types import IMAGENET, Published

BLOCKS = {121: (6, 12, 24, 16), 169: (6, 12, 32, 32), 201: (6, 12, 48, 32)}
BOTTLENECK = 4  # filters of a layer's 1x1 convolution, in growth rates


class _Layer(nn.Module):
    """BatchNorm, ReLU, 1x1, BatchNorm, ReLU, 3x3: what a layer adds to what came before it."""

    growth: int
    conv: Callable
    norm: Callable

    @nn.compact
    def __call__(self, x):
        y = self.conv(BOTTLENECK * self.growth, 1, 1, name="conv1")(nn.relu(self.norm(name="norm1")(x)))
        y = self.conv(self.growth, 3, 1, name="conv2")(nn.relu(self.norm(name="norm2")(y)))
        return jnp.concatenate([x, y], -1)


class DenseNet(_parts.Backbone):
    """Images [N, H, W, C] -> pooled features, float32 [N, F].

    Attributes:
      blocks: layers of each dense block; between blocks the features and the resolution are halved.
      growth: features that a layer adds.
      The others: see `_parts.Backbone`; `remat` recomputes layers.
    """

    blocks: tuple[int, ...] = BLOCKS[121]
    growth: int = 32

    @nn.compact
    def __call__(self, x, *, train: bool):
        x, conv, norm = self.begin(x, train=train)
        layer = nn.remat(_Layer) if self.remat else _Layer
        for b, count in enumerate(self.blocks):
            if b:
                x = conv(x.shape[-1] // 2, 1, 1, name=f"transition{b}_conv")(
                    nn.relu(norm(name=f"transition{b}_norm")(x))
                )
                if min(x.shape[1:3]) > 1:  # the mouth of a small image has no rows left to halve
                    x = nn.pool(x, 0.0, jax.lax.add, (2, 2), (2, 2), "VALID") * 0.25
            for k in range(count):
                x = layer(self.growth, conv, norm, name=f"block{b + 1}_layer{k + 1}")(x)
        return nn.relu(norm(name="norm_last")(x)).mean(axis=(1, 2), dtype=jnp.float32)


SMALL = tuple({"growth": 4, "width": 8, "blocks": (1, 2), "stem": stem} for stem in _parts.STEMS)


def build(
    *,
    depth: int = 121,
    growth: int = 32,
    width: int = 64,
    blocks: tuple[int, ...] = (),
    stem: str = "standard",
    convolution: str = "auto",
    momentum: float = 0.9,
    dtype=jnp.float32,
    axis_name: str | None = None,
    remat: bool = False,
    name: str | None = None,
) -> DenseNet:
    """A DenseNet by its depth.

    Args:
      depth: 121, 169 or 201.
      growth: features that each layer adds, at least 1.
      width: filters of the stem, at least 1.
      blocks: layers of each block; empty: the depth's.
      stem: 'standard', or 'small' for small images.
      convolution: how it is computed, 'xla', 'matmul', or 'auto': matmul on a CPU.
      momentum: of BatchNorm's running statistics, 0 to 1.
      dtype: of the activations.
      axis_name: of the devices, for BatchNorm over all of them; None: each for itself.
      remat: recompute blocks in the backward pass to save memory.
      name: of the module.

    Raises:
      UserError: an unknown depth, stem or convolution, or a growth, width or block below one.
    """
    _parts.check(
        "densenet",
        allowed={
            "depth": (depth, tuple(BLOCKS)),
            "stem": (stem, _parts.STEMS),
            "convolution": (convolution, _parts.CONVOLUTIONS),
        },
        positive={"growth": (growth,), "width": (width,), "blocks": tuple(blocks)},
    )
    return DenseNet(
        blocks=tuple(blocks) or BLOCKS[depth],
        growth=growth,
        width=width,
        dtype=dtype,
        axis_name=axis_name,
        momentum=momentum,
        stem=stem,
        convolution=convolution,
        remat=remat,
        name=name,
    )


def stages(net: DenseNet) -> dict[str, tuple[str, ...]]:
    """The modules of each stage, from the image on; a transition belongs to the block before it."""
    found: dict[str, tuple[str, ...]] = {"stem": ("conv_stem", "norm_stem")}
    for b, count in enumerate(net.blocks, start=1):
        after = ("norm_last",) if b == len(net.blocks) else (f"transition{b}_norm", f"transition{b}_conv")
        found[f"block{b}"] = (*(f"block{b}_layer{k + 1}" for k in range(count)), *after)
    return found


def names(net: DenseNet) -> dict[str, tuple[str, ...]]:
    """What torchvision's code and timm call the arrays -> their places: features.conv0, features.norm5."""
    return _names(net.blocks)


def _names(counts: tuple[int, ...]) -> dict[str, tuple[str, ...]]:
    """Those of so many layers a block."""
    under = lambda kind, there, *here: kind(f"features.{there}", *here)
    paths = under(_published.convolution, "conv0", "conv_stem") | under(_published.norm, "norm0", "norm_stem")
    paths |= under(_published.norm, "norm5", "norm_last")
    for b, count in enumerate(counts, start=1):
        if b < len(counts):
            paths |= under(_published.convolution, f"transition{b}.conv", f"transition{b}_conv")
            paths |= under(_published.norm, f"transition{b}.norm", f"transition{b}_norm")
        for k in range(1, count + 1):
            for n in (1, 2):
                there, here = f"denseblock{b}.denselayer{k}", f"block{b}_layer{k}"
                paths |= under(_published.convolution, f"{there}.conv{n}", here, f"conv{n}")
                paths |= under(_published.norm, f"{there}.norm{n}", here, f"norm{n}")
    return paths


def published(shapes: Mapping[str, tuple[int, ...]]) -> Published | None:
    """Weights under the names of torchvision and timm; see `names`.

    In torchvision's own files, which are older than its code, the last number stands behind a dot: 'norm.1'.

    Args:
      shapes: of all tensors of a file by name.

    Returns:
      None where these are not a DenseNet's.
    """
    if not {"features.conv0.weight", "features.norm0.running_mean", "features.norm5.weight"} <= shapes.keys():
        return None
    _published.check_stem(shapes["features.conv0.weight"], 7)
    spelt = {re.sub(r"(denselayer\d+\.(?:norm|conv))\.(\d)", r"\1\2", name): name for name in shapes}
    of_block = "features.denseblock{}.denselayer1.conv1.weight"
    counts = tuple(
        _published.counted(spelt, f"features.denseblock{b}.denselayer{{}}.conv1.weight", start=1)
        for b in range(1, 1 + _published.counted(spelt, of_block, start=1))
    )
    depths = [depth for depth, known in BLOCKS.items() if known == counts]
    last = "features.denseblock1.denselayer1.conv2.weight"
    options = {
        "depth": depths[0] if depths else 121,
        "blocks": () if depths else counts,
        "growth": shapes[spelt[last]][0] if last in spelt else 32,
        "width": shapes["features.conv0.weight"][0],
        "stem": "standard",
    }
    return Published(
        options, {spelt.get(name, name): path for name, path in _names(counts).items()}, IMAGENET
    )
