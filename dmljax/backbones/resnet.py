"""ResNet 18/34/50/101 in Flax linen; of version 1.5 unless asked for 1.

The two differ in where a bottleneck has its stride, in its 3x3 or, as first published, in its first 1x1.
Padding is explicit (3 in the stem, 1 elsewhere) and BatchNorm's epsilon is 1e-5, as in the published weights;
Flax's 'SAME' would pad a strided convolution on the other side. He et al., arXiv:1512.03385.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import flax.linen as nn
import jax.numpy as jnp

from dmljax.backbones import _open_nsfw, _parts, _published
from dmljax.types import IMAGENET, Published, UserError

SCALES = ("last", "all")
VERSIONS = ("1.5", "1")
POOLS = ("both", "end")
STAGES = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}


class _Block(nn.Module):
    """A residual block: `kernels` are its convolutions' sizes, the stride is in number `strided`."""

    filters: tuple[int, ...]
    kernels: tuple[int, ...]
    stride: int
    strided: int
    conv: Callable
    norm: Callable
    zero_init_residual: bool
    drop: Callable | None = None

    @nn.compact
    def __call__(self, x):
        y = x
        for k, (features, size) in enumerate(zip(self.filters, self.kernels)):
            last = k == len(self.kernels) - 1
            y = self.conv(features, size, self.stride if k == self.strided else 1, name=f"conv{k + 1}")(y)
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
        return nn.relu(x + (y if self.drop is None else self.drop()(y)))


class ResNet(_parts.Backbone):
    """Images [N, H, W, C] -> pooled features, float32 [N, F]; F = 4 * 8 * width for bottlenecks, 8 * width
    otherwise (with four stages).

    Attributes:
      stages: residual blocks per stage; the width doubles and the resolution halves from stage to stage.
      width: filters of the first stage.
      stem_width: filters of the stem; 0: the first stage's.
      stem_pool: where the stem's maximum is padded, on 'both' sides or, as by Caffe and TensorFlow, at the
        'end'.
      version: '1.5' or '1', see above.
      bottleneck: 1x1, 3x3, 1x1 blocks (50, 101) instead of 3x3, 3x3 (18, 34).
      zero_init_residual: start every block as the identity (its last BatchNorm scale is zero).
      scales: what is pooled: the 'last' stage, or 'all' of them side by side, so that fusion sees fine and
        coarse structure.
      stochastic_depth: probability of dropping the last block's residual of an image while training; it grows
        evenly from 0 with the depth (Huang et al., arXiv:1603.09382). Draws from the random numbers
        'dropout'.
      The others: see `_parts.Backbone`; `remat` recomputes blocks.
    """

    stages: tuple[int, ...] = STAGES[50]
    bottleneck: bool = True
    stem_width: int = 0
    stem_pool: str = "both"
    version: str = "1.5"
    zero_init_residual: bool = True
    scales: str = "last"
    stochastic_depth: float = 0.0

    @nn.compact
    def __call__(self, x, *, train: bool):
        before = 1 if self.stem_pool == "both" else 0
        x, conv, norm = self.begin(x, train=train, filters=self.stem_width, before=before)
        strided = 1 if self.bottleneck and self.version == "1.5" else 0
        pooled = []
        block = nn.remat(_Block) if self.remat else _Block
        for s, count in enumerate(self.stages):
            filters = self.width << s
            for b in range(count):
                x = block(
                    filters=(filters, filters, 4 * filters) if self.bottleneck else (filters, filters),
                    kernels=(1, 3, 1) if self.bottleneck else (3, 3),
                    stride=2 if b == 0 and s > 0 else 1,
                    strided=strided,
                    conv=conv,
                    norm=norm,
                    zero_init_residual=self.zero_init_residual,
                    drop=_parts.dropped(
                        self.stochastic_depth * (sum(self.stages[:s]) + b + 1) / sum(self.stages), train=train
                    ),
                    name=f"stage{s + 1}_block{b + 1}",
                )(x)
            pooled.append(x.mean(axis=(1, 2), dtype=jnp.float32))
        return jnp.concatenate(pooled, -1) if self.scales == "all" else pooled[-1]


SMALL = (
    *({"depth": 18, "width": 4, "stages": (1, 1), "stem": stem} for stem in _parts.STEMS),
    {"depth": 50, "width": 2, "stages": (1, 1), "stem_width": 4, "stem_pool": "end", "version": "1"},
)


def build(
    *,
    depth: int = 50,
    width: int = 64,
    stages: tuple[int, ...] = (),
    stem: str = "standard",
    stem_width: int = 0,
    stem_pool: str = "both",
    version: str = "1.5",
    convolution: str = "auto",
    momentum: float = 0.9,
    zero_init_residual: bool = True,
    scales: str = "last",
    stochastic_depth: float = 0.0,
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
      stem_width: filters of the stem; 0: the first stage's.
      stem_pool: where the standard stem's maximum is padded, on 'both' sides or, as by Caffe and TensorFlow,
        at the 'end' alone.
      version: where a bottleneck has its stride: '1.5', in its 3x3 convolution, or '1', in its first 1x1, for
        weights that were made so.
      convolution: how it is computed, 'xla', 'matmul', or 'auto': matmul on a CPU.
      momentum: of BatchNorm's running statistics, 0 to 1.
      zero_init_residual: the last BatchNorm of a block starts at 0, and so a block as the identity.
      scales: what is pooled, the 'last' stage or 'all' of them.
      stochastic_depth: probability, below 1, of dropping an image's residual in the last block while
        training; it grows from 0 with the depth.
      dtype: of the activations.
      axis_name: of the devices, for BatchNorm over all of them; None: each for itself.
      remat: recompute blocks in the backward pass to save memory.
      name: of the module.

    Raises:
      UserError: an unknown depth, stem, stem_pool, version, convolution or scales, a width or stage below
        one, or a probability out of its range.
    """
    if not 0 <= stochastic_depth < 1:
        raise UserError(
            f"backbone.resnet.stochastic_depth must be at least 0 and below 1; got {stochastic_depth}"
        )
    _parts.check(
        "resnet",
        allowed={
            "depth": (depth, tuple(STAGES)),
            "stem": (stem, _parts.STEMS),
            "stem_pool": (stem_pool, POOLS),
            "version": (version, VERSIONS),
            "convolution": (convolution, _parts.CONVOLUTIONS),
            "scales": (scales, SCALES),
        },
        positive={"width": (width,), "stages": tuple(stages), "stem_width": (stem_width or width,)},
    )
    return ResNet(
        stages=tuple(stages) or STAGES[depth],
        width=width,
        bottleneck=depth >= 50,
        dtype=dtype,
        axis_name=axis_name,
        momentum=momentum,
        stem=stem,
        stem_width=stem_width,
        stem_pool=stem_pool,
        version=version,
        convolution=convolution,
        remat=remat,
        zero_init_residual=zero_init_residual,
        scales=scales,
        stochastic_depth=stochastic_depth,
        name=name,
    )


def stages(net: ResNet) -> dict[str, tuple[str, ...]]:
    """The modules of each stage, from the image on."""
    blocks = {
        f"stage{s + 1}": tuple(f"stage{s + 1}_block{b + 1}" for b in range(count))
        for s, count in enumerate(net.stages)
    }
    return {"stem": ("conv_stem", "norm_stem")} | blocks


def names(net: ResNet) -> dict[str, tuple[str, ...]]:
    """What torchvision and timm call the arrays -> their places: conv1, bn1, layer1.0.downsample.0."""
    return _names(net.stages, net.bottleneck)


def _names(counts: tuple[int, ...], bottleneck: bool) -> dict[str, tuple[str, ...]]:
    """Those of so many blocks a stage, as if every block had a shortcut with weights."""
    paths = _published.convolution("conv1", "conv_stem") | _published.norm("bn1", "norm_stem")
    for s, count in enumerate(counts):
        for b in range(count):
            there, here = f"layer{s + 1}.{b}", f"stage{s + 1}_block{b + 1}"
            for k in range(1, 4 if bottleneck else 3):
                paths |= _published.convolution(f"{there}.conv{k}", here, f"conv{k}")
                paths |= _published.norm(f"{there}.bn{k}", here, f"norm{k}")
            paths |= _published.convolution(f"{there}.downsample.0", here, "conv_shortcut")
            paths |= _published.norm(f"{there}.downsample.1", here, "norm_shortcut")
    return paths


def published(shapes: Mapping[str, tuple[int, ...]]) -> Published | None:
    """Weights under the names of torchvision and timm, see `names`; or of OpenNSFW, see `_open_nsfw`.

    Args:
      shapes: of all tensors of a file by name.

    Returns:
      None where these are not a ResNet's.
    """
    if _open_nsfw.FIRST in shapes:
        return _open_nsfw.published(shapes)
    if not {"conv1.weight", "bn1.running_mean", "layer1.0.conv1.weight"} <= shapes.keys():
        return None
    _published.check_stem(shapes["conv1.weight"], 7)
    number = _published.counted(shapes, "layer{}.0.conv1.weight", start=1)
    counts = tuple(_published.counted(shapes, f"layer{s + 1}.{{}}.conv1.weight") for s in range(number))
    bottleneck = "layer1.0.conv3.weight" in shapes
    depths = [depth for depth, known in STAGES.items() if known == counts and (depth >= 50) == bottleneck]
    options = {
        "depth": depths[0] if depths else 50 if bottleneck else 18,
        "stages": () if depths else counts,
        "width": shapes["conv1.weight"][0],
        "stem": "standard",
        "stem_width": 0,
        "stem_pool": "both",
        "version": "1.5",
    }
    return Published(options, _names(counts, bottleneck), IMAGENET)
