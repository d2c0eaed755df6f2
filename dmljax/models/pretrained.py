"""Parts of a trained network as the start of another one, whose classes may differ."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from dmljax.models.dmlnet import ANGLES_HEAD, EXPRESSION_HEAD, POSE_HEAD, TRUNK
from dmljax.models.regions import REGIONS

# What can be asked for: groups of modules by the beginning of their path.
PARTS = {
    "branches": tuple((TRUNK, region) for region in REGIONS),
    "fusion": ((TRUNK, "fusion"),),
    "embedding": ((TRUNK, "embedding"), (TRUNK, "embedding_norm")),
    EXPRESSION_HEAD: ((EXPRESSION_HEAD,),),
    POSE_HEAD: ((POSE_HEAD,),),
    ANGLES_HEAD: ((ANGLES_HEAD,),),
}


class Module(NamedTuple):
    """What became of a module that either network has.

    Attributes:
      name: of the module, such as 'face' or 'pose_head'.
      taken: whether it was taken.
      reason: why it was left, '' if it was not.
      values: how many numbers were taken.
    """

    name: str
    taken: bool
    reason: str = ""
    values: int = 0


def in_words(module: Module) -> str:
    """A line for the user."""
    if module.taken:
        return f"taken {module.name}: {module.values:,} values"
    return f"left {module.name}: {module.reason}"


def take(variables: dict, source: dict, parts: tuple[str, ...]) -> tuple[dict, list[Module]]:
    """The variables with those of `source` where the parts are asked for; a module is taken whole or not at
    all.

    Args:
      variables, source: {'params', 'batch_stats'}, nested dicts of arrays.
      parts: of `PARTS`.

    Returns:
      (variables, what became of each module that either network has).
    """
    own, other = flatten_dict(variables), flatten_dict(source)
    result, found = dict(own), []
    for part, paths in PARTS.items():
        for module in paths:
            here, there = _below(own, module), _below(other, module)
            if not here and not there:
                continue
            reason = "not asked for" if part not in parts else _difference(here, there)
            if reason:
                found.append(Module(module[-1], False, reason))
            else:
                result |= {path: np.asarray(there[path], array.dtype) for path, array in here.items()}
                count = sum(array.size for array in here.values())
                found.append(Module(module[-1], True, values=count))
    return unflatten_dict(result), found


def _below(flat: dict, module: tuple[str, ...]) -> dict:
    """A module's arrays by path; a path begins with the collection."""
    return {path: array for path, array in flat.items() if path[1 : 1 + len(module)] == module}


def _difference(here: dict, there: dict) -> str:
    """Why one module's arrays do not fit into another's place, or ''."""
    if not here or not there:
        return "this network has none" if not here else "the other network has none"
    for path in sorted(here.keys() | there.keys()):
        if path not in here or path not in there:
            return f"{'/'.join(path)} is only {'there' if path in there else 'here'}"
        if here[path].shape != there[path].shape:
            return f"{'/'.join(path)} is {there[path].shape} there, {here[path].shape} here"
    return ""
