"""What a task's loss is among the others, and what the log tells of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp

from dmljax.losses.contrastive import Means
from dmljax.types import Outputs

# The loss of one task: (outputs, labels, axis name, micro-batches in a step) -> `Task`.
Term = Callable[[Outputs, dict, str | None, int], "Task"]
Ratio = tuple[jax.Array, jax.Array]  # of two float32 scalars, each a sum over the global batch


class Task(NamedTuple):
    """One task's loss, a sum of means, and what the log tells of it.

    Attributes:
      means: (this device's share, what it counts for among micro-batches: samples on all devices), in turn.
      valid: whether the global batch had anything for the task, bool scalar.
      sums: name -> ratios whose sum the log tells; see `told`.
    """

    means: Means
    valid: jax.Array
    sums: dict[str, tuple[Ratio, ...]]


def told(sums: Mapping[str, tuple[Ratio, ...]]) -> dict[str, jax.Array]:
    """What the log tells: a / b, or several of these added up; 0 where nothing was counted."""

    def ratio(a, b):
        return jnp.where(b > 0, a / jnp.where(b > 0, b, 1.0), 0.0)

    return {name: sum(ratio(*pair) for pair in pairs[1:]) + ratio(*pairs[0]) for name, pairs in sums.items()}
