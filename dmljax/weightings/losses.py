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
    values = _stacked(values, "losses")
    valid = jnp.ones(values.shape, bool) if valid is None else _stacked(valid, "valid")
    if valid.shape != values.shape:
        raise TypeError(f"valid must be of the form of the losses, {values.shape}; got {valid.shape}")
    return Vector(tasks, values, valid)


def _stacked(values, what: str):
    if isinstance(values, Mapping):
        values = tuple(values.values())
    if isinstance(values, list | tuple):
        bad = [jnp.shape(value) for value in values if jnp.ndim(value)]
        if bad or not values:
            raise TypeError(f"{what} must be scalars, one a task; got {bad or 'none'}")
        return jnp.stack([jnp.asarray(value) for value in values])
    if getattr(values, "ndim", None) != 1:
        raise TypeError(
            f"{what} must be a dict or sequence of scalars or a vector [K], got {type(values).__name__} of "
            f"shape {getattr(values, 'shape', 'unknown')}"
        )
    return values


def like(vector, tasks: tuple[str, ...] | None):
    """A vector [K] in the caller's form: a dict of scalars where the losses have names."""
    return vector if tasks is None else dict(zip(tasks, vector))
