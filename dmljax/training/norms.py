"""BatchNorm over groups of devices, in any backbone: calls of `flax.linen.BatchNorm` are met on their way."""

from __future__ import annotations

import contextlib

import flax.linen as nn
import jax

from dmljax.types import UserError
from dmljax.weightings.products import mean

ALONE = 1  # each device for itself


def check(group: int, devices: int, parameter: str = "model.batch_norm_group") -> None:
    """Raises UserError where the devices are no whole groups."""
    if group and devices % group:
        fit = [n for n in range(1, devices + 1) if devices % n == 0]
        raise UserError(
            f"must divide the number of devices, {devices}; got {group}. Set one of 0,"
            f" {', '.join(map(str, fit))}",
            parameter=parameter,
        )


def grouped(group: int, axis_name: str | None):
    """A context in which BatchNorm's statistics are those of `group` devices, one after the other; 0: of all.

    It is entered where a step is traced, in which the number of devices is known.
    """
    if axis_name is None or group in (0, ALONE):
        return contextlib.nullcontext()
    devices = jax.lax.axis_size(axis_name)
    groups = [list(range(first, first + group)) for first in range(0, devices, group)]

    def call(next_call, args, kwargs, context):
        module = context.module
        if isinstance(module, nn.BatchNorm) and module.axis_name is not None:
            # a field like the axis, of a module that is frozen by now
            object.__setattr__(module, "axis_index_groups", groups)
        return next_call(*args, **kwargs)

    return nn.intercept_methods(call)


def running(new, before, group: int, axis_name: str | None):
    """The running statistics after a step, the same on all devices: means over them where groups differ.

    How far the means of groups are apart is in no group's variance, and so not in theirs. What was not
    changed stays as it was, bit for bit.

    Args:
      new, before: after the step and before it, pytrees of the same shape.
    """
    if not group:
        return new
    change = mean(jax.tree.map(lambda after, old: after - old, new, before), axis_name)
    return jax.tree.map(lambda old, moved: old + moved, before, change)
