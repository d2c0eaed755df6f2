"""Parts of a trained network as the start of another one, whose classes may differ; what was taken and what
was left is told.
"""

from __future__ import annotations

import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from dmljax.models.dmlnet import EXPRESSION_HEAD, POSE_HEAD, TRUNK
from dmljax.models.regions import REGIONS

# What can be asked for: groups of modules by the beginning of their path.
PARTS = {
    "branches": tuple((TRUNK, region) for region in REGIONS),
    "fusion": ((TRUNK, "fusion"),),
    "embedding": ((TRUNK, "embedding"), (TRUNK, "embedding_norm")),
    EXPRESSION_HEAD: ((EXPRESSION_HEAD,),),
    POSE_HEAD: ((POSE_HEAD,),),
}


def take(variables: dict, source: dict, parts: tuple[str, ...]) -> tuple[dict, list[str]]:
    """The variables with those of `source` where the parts are asked for; a module is taken whole or not at
    all.

    Args:
      variables, source: {'params', 'batch_stats'}, nested dicts of arrays.
      parts: of `PARTS`.

    Returns:
      (variables, a line for each module that either network has: taken, or left and why).
    """
    own, other = flatten_dict(variables), flatten_dict(source)
    result, told = dict(own), []
    for part, modules in PARTS.items():
        for module in modules:
            here, there = _below(own, module), _below(other, module)
            if not here and not there:
                continue
            reason = "not asked for" if part not in parts else _difference(here, there)
            if reason:
                told.append(f"left {module[-1]}: {reason}")
            else:
                result |= {path: np.asarray(there[path], array.dtype) for path, array in here.items()}
                told.append(f"taken {module[-1]}: {sum(array.size for array in here.values()):,} values")
    return unflatten_dict(result), told


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
