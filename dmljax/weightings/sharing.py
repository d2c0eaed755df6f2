"""Which parameters the tasks share: on these their gradients are compared, weighted and combined."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax

Choice = str | tuple | list | Callable | None


def select(params, shared: Choice):
    """The shared part of a tree of parameters.

    Args:
      shared: None, all of it; a key, or several; or a function from the parameters to a part of them, such as
        `lambda params: params["encoder"]["layers"]`.

    Raises:
      ValueError: there is no such part.
    """
    if shared is None:
        return params
    if callable(shared):
        return shared(params)
    keys = (shared,) if isinstance(shared, str) else tuple(shared)
    try:
        parts = {key: params[key] for key in keys}
    except (KeyError, TypeError, IndexError):
        known = ", ".join(map(str, params)) if hasattr(params, "keys") else type(params).__name__
        inside = (
            "; of Flax's variables give variables['params'] alone, or a function such as"
            " lambda variables: variables['params']['encoder']"
        )
        raise ValueError(
            f"shared={shared!r} is no part of the parameters, which have {known}"
            f"{inside if hasattr(params, 'keys') and 'params' in params else ''}"
        ) from None
    return parts[shared] if isinstance(shared, str) else parts


class Places(NamedTuple):
    """Where the shared leaves are among all leaves. `numbers`: of the shared part's leaves, in its order."""

    numbers: tuple[int, ...]
    part: Any  # the tree structure of the shared part


def places(params, shared: Choice) -> Places:
    """Raises ValueError if the shared part is empty, or holds something that is no leaf of the parameters."""
    leaves, whole = jax.tree.flatten(params)
    part = select(jax.tree.unflatten(whole, range(len(leaves))), shared)
    numbers, structure = jax.tree.flatten(part)
    if not numbers or not all(isinstance(k, int) for k in numbers) or len(set(numbers)) < len(numbers):
        raise ValueError(f"shared={shared!r} must choose a part of the parameters; it gives {part!r}")
    return Places(tuple(numbers), structure)


def get(tree, where: Places):
    """The shared part of a tree of the parameters' structure, whatever its leaves are."""
    leaves = jax.tree.leaves(tree)
    return jax.tree.unflatten(where.part, [leaves[k] for k in where.numbers])


def put(tree, part, where: Places):
    """The tree with another shared part."""
    leaves, structure = jax.tree.flatten(tree)
    for k, leaf in zip(where.numbers, jax.tree.leaves(part)):
        leaves[k] = leaf
    return jax.tree.unflatten(structure, leaves)
