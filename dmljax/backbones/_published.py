"""Names of layers as PyTorch's libraries write them, and the places of their arrays in a backbone here."""

from __future__ import annotations

from collections.abc import Mapping

from dmljax.types import UserError

PARAMS, STATISTICS = "params", "batch_stats"


def convolution(there: str, *here: str) -> dict[str, tuple[str, ...]]:
    """The kernel of a convolution without bias."""
    return {f"{there}.weight": (PARAMS, *here, "kernel")}


def norm(there: str, *here: str) -> dict[str, tuple[str, ...]]:
    """Scale, offset and running statistics of a BatchNorm."""
    return {
        f"{there}.weight": (PARAMS, *here, "scale"),
        f"{there}.bias": (PARAMS, *here, "bias"),
        f"{there}.running_mean": (STATISTICS, *here, "mean"),
        f"{there}.running_var": (STATISTICS, *here, "var"),
    }


def folded(layer: str, *place: str) -> dict[str, tuple[str, ...]]:
    """A convolution into which the BatchNorm behind it was folded: kernel `conv...` and offset `norm...` of a
    block, named by the convolution's place.
    """
    *block, conv = place
    return {
        f"{layer}.weight": (PARAMS, *place, "kernel"),
        f"{layer}.bias": (PARAMS, *block, conv.replace("conv", "norm", 1), "bias"),
    }


def check_stem(shape: tuple[int, ...], size: int) -> None:
    """Raises UserError unless the first kernel, [out, in, H, W], is the architecture's."""
    if len(shape) != 4 or shape[1:] != (3, size, size):
        raise UserError(
            f"has a first convolution of {list(shape)}, where the published network has [width, 3, {size},"
            f" {size}]; such a variant is not known here"
        )


def counted(shapes: Mapping[str, tuple[int, ...]], name: str, *, start: int = 0) -> int:
    """How many numbers, from `start` on without a gap, there are with the name 'layer{}.0.conv1.weight'."""
    number = start
    while name.format(number) in shapes:
        number += 1
    return number - start
