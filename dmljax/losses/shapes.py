"""Checks of shapes by the names of their axes; shapes are static, so that no program runs the longer."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp


def require(**arguments: tuple[Any, str]) -> None:
    """Arrays as name=(array, its axes 'A R'); an axis of one name has one length.

    Raises:
      ValueError: the first array that is not so, with the axes expected, their lengths and the shape given.
    """
    lengths: dict[str, tuple[int, str]] = {}
    for name, (array, axes) in arguments.items():
        shape, wanted = jnp.shape(array), axes.split()
        known = [
            f"{axis} = {lengths[axis][0]} as in {lengths[axis][1]}" for axis in wanted if axis in lengths
        ]
        same = len(shape) == len(wanted) and all(
            lengths.setdefault(axis, (length, name))[0] == length for axis, length in zip(wanted, shape)
        )
        if not same:
            given = f", {', '.join(known)}" if known else ""
            raise ValueError(f"{name} must be [{', '.join(wanted)}]{given}; got the shape {list(shape)}")


def integers(**arrays: Any) -> None:
    """Raises TypeError unless all arrays hold integers."""
    for name, array in arrays.items():
        if not jnp.issubdtype(jnp.result_type(array), jnp.integer):
            raise TypeError(f"{name} must be integers; got {jnp.result_type(array)}")


def alike(**arrays: Any) -> None:
    """Raises ValueError unless all arrays have the shape of the first."""
    (first, wanted), *others = ((name, jnp.shape(array)) for name, array in arrays.items())
    for name, shape in others:
        if shape != wanted:
            raise ValueError(f"{name} must have the shape of {first}, {list(wanted)}; got {list(shape)}")
