"""The losses of one pass: whatever a function of losses returns, as a vector with names and counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp


class Losses(NamedTuple):
    """Losses of which some may be missing from a batch, or from a part of it.

    A step may be split into micro-batches, and each of them over devices. With n_mk labelled samples in part
    m, the loss of task k is

        L_k = sum_m n_mk L_mk / sum_m n_mk

    and its gradient is the gradient of that, so a step in parts is the step on the whole batch, whatever
    labels are missing where. Without counts, micro-batches that are `valid` count the same, n_mk = 1 or 0;
    without either, all do. Where counts or `valid` are given, a task that nothing counts for has loss and
    gradient 0.

    Attributes:
      values: name -> scalar, or float [K]; finite. With counts, means over that many samples. Without, under
        an axis, the device's share: the mean over the devices counts.
      valid: the same form in bool: whether the batch held anything for the task. None: where counts are
        above 0, or everywhere if there are none.
      counts: the same form, at least 0: how many labelled samples each mean is taken over. Under an axis
        either means and counts are the device's own, or the means are its shares and the counts those of all
        devices. A loss that is a sum of several means is a tuple of them, here and in `values`.

    Example:
      >>> import jax.numpy as jnp
      >>> from dmljax import weightings
      >>> def losses_fn(w, x, known):
      ...     count = known.sum()
      ...     mean = jnp.where(known, w * x, 0.0).sum() / jnp.maximum(count, 1)
      ...     return weightings.Losses({"depth": mean}, counts={"depth": count})
      >>> x, known = jnp.array([[1.0, 2.0], [6.0, 9.0]]), jnp.array([[True, True], [True, False]])
      >>> strategy = weightings.equal()
      >>> f = weightings.value_and_grad(losses_fn, strategy, micro_batches=2)
      >>> (losses, _, _), gradient, _ = f(jnp.array(1.0), strategy.init(("depth",)), x, known)
      >>> float(losses["depth"]), float(gradient)  # (1 + 2 + 6) / 3
      (3.0, 3.0)
    """

    values: Any
    valid: Any = None
    counts: Any = None


class Layout(NamedTuple):
    """Which means the losses consist of; static.

    Attributes:
      tasks: the losses' names, or None.
      owners: the number of the task that each of P means belongs to.
      size: K, how many losses there are; more means than losses where one is a sum of several.
    """

    tasks: tuple[str, ...] | None
    owners: tuple[int, ...]
    size: int


class Behind(NamedTuple):
    """What is said of the labelled samples behind the losses.

    Attributes:
      counts: samples behind each mean, float [P], without a gradient; None if nothing is said of samples.
      valid: whether the batch held anything for the task, bool [K]; None if nothing is said of it.
    """

    counts: jax.Array | None
    valid: jax.Array | None


class Vector(NamedTuple):
    """Losses as a vector of means.

    Attributes:
      values: float [P].
      behind: how many samples they are taken over.
      layout: what belongs to which task.
    """

    values: jax.Array
    behind: Behind
    layout: Layout


def as_vector(found) -> Vector:
    """A dict of scalars, a sequence of scalars, a vector [K], or `Losses` of one of them.

    Raises:
      TypeError: anything else, or a loss that is no scalar.
    """
    values, valid, counts = found if isinstance(found, Losses) else Losses(found)
    tasks, owners = tuple(values) if isinstance(values, Mapping) else None, None
    if counts is not None:
        counts, behind = _in_a_row(_in_order(counts, tasks, "counts"))
        values, owners = _in_a_row(values)
        if owners != behind:
            raise TypeError(
                "counts must be of the form of the losses, one for each mean that a loss consists of"
            )
    vector = _stacked(values, "losses")
    if not jnp.issubdtype(vector.dtype, jnp.floating):
        raise TypeError(f"losses must be real numbers with a gradient, float; got {vector.dtype}")
    owners = tuple(range(len(vector))) if owners is None else owners
    size = max(owners) + 1
    if counts is not None:
        counts = _stacked(counts, "counts")
        if counts.shape != vector.shape or jnp.issubdtype(counts.dtype, jnp.complexfloating):
            raise TypeError(f"counts must be {len(vector)} real numbers; got {_form(counts)}")
        counts = jax.lax.stop_gradient(counts.astype(float))
    if valid is not None:
        valid = _stacked(_in_order(valid, tasks, "valid"), "valid")
        if valid.shape != (size,) or valid.dtype != bool:
            form = f"{valid.dtype} {valid.shape}"
            raise TypeError(f"valid must be bool and of the form of the losses, {(size,)}; got {form}")
    return Vector(vector, Behind(counts, valid), Layout(tasks, owners, size))


def _in_a_row(form):
    """(the means of all losses, the task of each); an array [K] as it is."""
    if not isinstance(form, Mapping | list | tuple):
        return form, tuple(range(len(form))) if getattr(form, "ndim", None) == 1 else None
    named = form.items() if isinstance(form, Mapping) else enumerate(form)
    groups = [(name, one if isinstance(one, tuple) else (one,)) for name, one in named]
    row = {
        f"{name} {k}" if len(group) > 1 else name: x for name, group in groups for k, x in enumerate(group)
    }
    return row, tuple(k for k, (_, group) in enumerate(groups) for _ in group)


def _in_order(given, tasks: tuple[str, ...] | None, what: str):
    """A mask or counts by name in the order of the losses."""
    if not isinstance(given, Mapping):
        return given
    if tasks is None or set(given) != set(tasks):
        names = ", ".join(tasks) if tasks else "no names"
        raise TypeError(
            f"{what} must name the tasks of the losses, {names}; got {', '.join(map(str, given))}"
        )
    return {task: given[task] for task in tasks}


def _stacked(values, what: str):
    if isinstance(values, Mapping | list | tuple):
        named = values.items() if isinstance(values, Mapping) else enumerate(values)
        parts = {name: _scalar(value, f"{what}, {name!r}") for name, value in named}
        if not parts:
            raise TypeError(f"{what}: there are none; one scalar for each task is needed")
        return jnp.stack(list(parts.values()))
    if getattr(values, "ndim", None) != 1:
        raise TypeError(f"{what} must be a dict or sequence of scalars, or a vector [K]; got {_form(values)}")
    if not len(values):
        raise TypeError(f"{what}: there are none; one scalar for each task is needed")
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
