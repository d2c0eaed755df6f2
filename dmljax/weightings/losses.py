"""The losses of one pass: whatever a function of losses returns, as a vector with names and masks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp


class Losses(NamedTuple):
    """Losses of which some may be missing from a batch.

    Attributes:
      values: name -> scalar, or float [K]; under an axis the device's share: the mean over the devices
        counts.
      valid: the same form in bool: whether the batch held anything for the task. None: all of them.

    Example:
      >>> import jax.numpy as jnp
      >>> as_vector(Losses({"depth": 1.0, "normals": 0.0}, {"depth": True, "normals": False})).valid.tolist()
      [True, False]
    """

    values: Any
    valid: Any = None


class Vector(NamedTuple):
    """Losses as a vector.

    Attributes:
      tasks: their names, or None.
      values: float [K].
      valid: whether the batch held anything for the task, bool [K].
    """

    tasks: tuple[str, ...] | None
    values: Any
    valid: Any


def as_vector(found) -> Vector:
    """A dict of scalars, a sequence of scalars, a vector [K], or `Losses` of one of them.

    Raises:
      TypeError: anything else, or a loss that is no scalar.
    """
    values, valid = found if isinstance(found, Losses) else (found, None)
    tasks = tuple(values) if isinstance(values, Mapping) else None
    vector = _stacked(values, "losses")
    if not jnp.issubdtype(vector.dtype, jnp.floating):
        raise TypeError(f"losses must be real numbers with a gradient, float; got {vector.dtype}")
    mask = jnp.ones(vector.shape, bool) if valid is None else _stacked(_in_order(valid, tasks), "valid")
    if mask.shape != vector.shape or mask.dtype != bool:
        raise TypeError(
            f"valid must be bool and of the form of the losses, {vector.shape}; got {mask.dtype} {mask.shape}"
        )
    return Vector(tasks, vector, mask)


def _in_order(valid, tasks: tuple[str, ...] | None):
    """A mask by name in the order of the losses."""
    if not isinstance(valid, Mapping):
        return valid
    if tasks is None or set(valid) != set(tasks):
        names = ", ".join(tasks) if tasks else "no names"
        raise TypeError(f"valid must name the tasks of the losses, {names}; got {', '.join(map(str, valid))}")
    return {task: valid[task] for task in tasks}


def _stacked(values, what: str):
    if isinstance(values, Mapping | list | tuple):
        named = values.items() if isinstance(values, Mapping) else enumerate(values)
        parts = {name: _scalar(value, f"{what}, {name!r}") for name, value in named}
        if not parts:
            raise TypeError(f"{what}: there are none; one scalar for each task is needed")
        return jnp.stack(list(parts.values()))
    if getattr(values, "ndim", None) != 1:
        raise TypeError(f"{what} must be a dict or sequence of scalars, or a vector [K]; got {_form(values)}")
    return jnp.asarray(values)


def _scalar(value, what: str):
    if isinstance(value, bool | int | float) or getattr(value, "ndim", None) == 0:
        return jnp.asarray(value)
    nested = isinstance(value, Mapping | list | tuple)
    hint = "; a function that returns (losses, extra) needs has_aux=True" if nested else ""
    raise TypeError(f"{what}: expected a scalar, got {_form(value)}{hint}")


def _form(value) -> str:
    """What something is, in words for an error; a tracer is the array that it stands for."""
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return f"an array {value.dtype} {list(value.shape)}"
    return f"{type(value).__name__}"


def like(vector, tasks: tuple[str, ...] | None):
    """A vector [K] in the caller's form: a dict of scalars where the losses have names."""
    return vector if tasks is None else dict(zip(tasks, vector))
