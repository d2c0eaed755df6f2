"""Names and digests of a tree's arrays, by which a checkpoint is checked when it is read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from dmljax.types import UserError


def named(tree) -> dict[str, np.ndarray]:
    """The tree's arrays by their way through it, such as 'ema/params/trunk/kernel'.

    The way is the same whether a level is a dict, a tuple with names, a sequence or a dataclass: what a
    checkpoint gives back are dicts and lists.
    """
    return {way: np.asarray(leaf) for way, leaf in _leaves(tree)}


def _leaves(tree) -> list[tuple[str, Any]]:
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return [("/".join(map(_step, way)), leaf) for way, leaf in leaves]


def _step(entry) -> str:
    for attribute in ("key", "idx", "name"):
        if hasattr(entry, attribute):
            return str(getattr(entry, attribute))
    raise TypeError(f"a tree of dicts, sequences and dataclasses was expected; got the level {entry!r}")


def filled(like, arrays: Mapping[str, np.ndarray]):
    """A tree of the structure of `like` with the named arrays.

    Raises:
      UserError: an array is missing, is one too many, or has another shape or dtype.
    """
    expected = _leaves(like)
    own = {way for way, _ in expected}
    lost, more = sorted(own - arrays.keys()), sorted(arrays.keys() - own)
    if lost or more:
        raise UserError(
            "the saved state is of another network or optimizer: it lacks"
            f" {', '.join(lost[:3]) or 'nothing'} and has {', '.join(more[:3]) or 'nothing'} beside what"
            " belongs there"
        )
    for way, here in expected:
        there = arrays[way]
        if (there.shape, there.dtype) != (here.shape, here.dtype):
            raise UserError(
                f"the saved state is of another network: '{way}' is {there.dtype} {list(there.shape)} there,"
                f" {here.dtype} {list(here.shape)} here"
            )
    return jax.tree.unflatten(jax.tree.structure(like), [arrays[way] for way, _ in expected])


def branch(arrays: Mapping[str, np.ndarray], name: str) -> dict:
    """The arrays below a name, as nested dicts: of 'ema', {'params': {...}, 'batch_stats': {...}}."""
    found: dict = {}
    for way, array in arrays.items():
        first, *steps = way.split("/")
        if first == name:
            level = found
            for step in steps[:-1]:
                level = level.setdefault(step, {})
            level[steps[-1]] = array
    return found


def of_array(array: np.ndarray) -> str:
    """A digest of dtype, shape and bytes: 32 hexadecimal digits."""
    digest = hashlib.sha256(f"{array.dtype.name} {array.shape}".encode())
    digest.update(np.ascontiguousarray(array).view(np.uint8).data if array.ndim else array.tobytes())
    return digest.hexdigest()[:32]


def of_json(content) -> str:
    """A digest of what JSON holds: 32 hexadecimal digits."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]
