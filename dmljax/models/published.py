"""Weights under another library's names as variables of a branch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from flax.traverse_util import unflatten_dict

from dmljax.models.dmlnet import TRUNK
from dmljax.models.pretrained import Module
from dmljax.types import Published, UserError

COUNTER = "num_batches_tracked"  # how often PyTorch's BatchNorm was trained; nothing here counts that
SHOWN = 6  # names that are quoted of a file that no backbone knows

Reader = Callable[[Mapping[str, tuple[int, ...]]], Published | None]


class Recognised(NamedTuple):
    """What a file of weights was found to be.

    Attributes:
      backbone: which one knows its names.
      prefix: what all names of the network begin with in the file, such as 'module.' or 'state_dict.'.
      published: options, places and normalisation.
    """

    backbone: str
    prefix: str
    published: Published


def recognise(arrays: Mapping[str, np.ndarray], readers: Mapping[str, Reader]) -> Recognised:
    """The backbone whose names a file has, whatever stands before them.

    Args:
      arrays: of the file, by name.
      readers: name of a backbone -> its `published`.

    Raises:
      UserError: none or several; the text does not name the file.
    """
    shapes = {name: array.shape for name, array in arrays.items()}
    prefixes = {name[: k + 1] for name in shapes for k, mark in enumerate(name) if mark == "."} | {""}
    found = []
    for prefix in sorted(prefixes):
        inner = {
            name.removeprefix(prefix): shape for name, shape in shapes.items() if name.startswith(prefix)
        }
        for backbone, reader in readers.items():
            if (published := reader(inner)) is not None:
                found.append(Recognised(backbone, prefix, published))
    if len(found) == 1:
        return found[0]
    if found:
        several = ", ".join(f"{one.backbone} at '{one.prefix}'" for one in found)
        raise UserError(
            f"holds several networks, {several}; save one of them in a file of its own,"
            " or, if this is an export of a dmljax run, give the run as init.run"
        )
    more = f" and {len(shapes) - SHOWN} more" if len(shapes) > SHOWN else ""
    raise UserError(
        f"holds {', '.join(list(shapes)[:SHOWN])}{more}: names that none of the backbones"
        f" {', '.join(readers)} knows"
    )


def converted(arrays: Mapping[str, np.ndarray], found: Recognised) -> dict[tuple[str, ...], np.ndarray]:
    """A branch's variables, float32 by path; what the file lacks is left out. A folded BatchNorm, by its
    running statistics, adds its offset and does nothing else.

    Raises:
      UserError: a variance below 0; the text does not name the file.
    """
    made = {}
    for name, path in found.published.paths.items():
        array = arrays.get(found.prefix + name)
        if array is None:
            continue
        if path[-1] == "var" and array.size and array.min() < 0:
            raise UserError(f"is damaged: the variance '{found.prefix + name}' is below 0")
        made[path] = np.asarray(array.transpose(2, 3, 1, 0) if array.ndim == 4 else array, np.float32)
    for path in found.published.blue_first:
        made[path] = made[path][:, :, ::-1]
    if epsilon := found.published.folded:
        whole = {("params", "scale"): 1.0, ("batch_stats", "mean"): 0.0, ("batch_stats", "var"): 1 - epsilon}
        for (_, *norm, leaf), offset in [*made.items()]:
            if leaf == "bias":
                made |= {(c, *norm, name): np.full_like(offset, v) for (c, name), v in whole.items()}
    return made


def difference(own: Mapping[tuple[str, ...], tuple[int, ...]], made: Mapping, found: Recognised) -> str:
    """The first of a branch's arrays that a file lacks or has of another shape, in the file's terms; or ''.

    Args:
      own: shapes of the branch's variables by path.
      made: as `converted` returns it.
    """
    names = {path: found.prefix + name for name, path in found.published.paths.items()}
    for path in sorted(own.keys() | made.keys()):
        here, there = own.get(path), made[path].shape if path in made else None
        if here != there:
            name = f"'{names[path]}'" if path in names else f"the array for {'/'.join(path)}"
            lacks = "is not there" if there is None else f"has the shape {_as_there(there)} there"
            return f"{name} {lacks}" + (f", {_as_there(here)} here" if here else ", and has no place here")
    return ""


def _as_there(shape: tuple[int, ...]) -> list[int]:
    """A kernel's shape as PyTorch has it."""
    return [shape[3], shape[2], *shape[:2]] if len(shape) == 4 else list(shape)


def of_branches(made: Mapping[tuple[str, ...], np.ndarray], regions: tuple[str, ...]) -> dict:
    """Variables of a network in which every branch has these, as `pretrained.take` takes them."""
    return unflatten_dict(
        {(path[0], TRUNK, region, *path[1:]): array for region in regions for path, array in made.items()}
    )


def left(arrays: Mapping[str, np.ndarray], found: Recognised) -> list[Module]:
    """What of a file has no place in a branch, such as its classifier, by the first part of its names."""
    taken = {found.prefix + name for name in found.published.paths}
    rest = [name for name in arrays if name not in taken and not name.endswith(COUNTER)]
    groups: dict[str, list[str]] = {}
    for name in rest:
        inner = name.removeprefix(found.prefix)
        groups.setdefault(inner.rpartition(".")[0] or inner, []).append(name)
    return [
        Module(group, False, f"{sum(arrays[name].size for name in names):,} values with no place here")
        for group, names in groups.items()
    ]
