"""The learning rate at each step: the paper's staircase, cosine, one cycle or constant, after a warm-up."""

from __future__ import annotations

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax

from dmljax import fields
from dmljax.fields import Field
from dmljax.types import UserError

STAIRCASE, COSINE, ONE_CYCLE, CONSTANT = NAMES = ("staircase", "cosine", "one_cycle", "constant")

FIELDS = {
    "name": Field(
        STAIRCASE,
        "Course of the learning rate after its warm-up; the staircase is the paper's, by optimizer.decay.",
        choices=NAMES,
    ),
    "end": Field(
        0.0,
        "Rate at the end of cosine and one_cycle.",
        unit="share of the learning rate",
        least=0,
        most=1,
    ),
    "start": Field(
        0.04, "Rate at the start of one_cycle.", unit="share of the learning rate", above=0, most=1
    ),
    "rise": Field(
        0.3, "Part of one_cycle in which the rate rises.", unit="share of the run", above=0, below=1
    ),
}


def build(
    learning_rate: float,
    *,
    name: str = STAIRCASE,
    decay: float = 0.8,
    decay_steps: int = 1000,
    warmup_steps: int = 0,
    whole: int = 1,
    end: float = FIELDS["end"].default,
    start: float = FIELDS["start"].default,
    rise: float = FIELDS["rise"].default,
) -> Callable[[jax.Array], jax.Array]:
    """step (int32 scalar) -> learning rate (float32 scalar).

    A warm-up lets the rate rise linearly. The stairs are counted from the first step; the others begin after
    the warm-up and last until the run is over, and a run that is prolonged keeps their last rate.

    Args:
      learning_rate: the rate that a warm-up leads to; of one_cycle, its top.
      decay: factor of the rate at each stair.
      decay_steps: length of a stair in steps. The paper gives the factor 0.8 and no period.
      warmup_steps: steps over which the rate rises from 0.
      whole: steps of the run.

    Raises:
      UserError: a field out of its range.
    """
    fields.check({"schedule": FIELDS}, {"schedule": {"name": name, "end": end, "start": start, "rise": rise}})
    if decay_steps < 1 or warmup_steps < 0:
        raise UserError(
            "a stair of the learning rate lasts at least one step and its warm-up at least none, got"
            f" decay_steps={decay_steps} and warmup_steps={warmup_steps}"
        )
    rest, begins = max(1, whole - warmup_steps), 0 if name == STAIRCASE else warmup_steps
    if name == STAIRCASE:
        course = optax.exponential_decay(learning_rate, decay_steps, decay, staircase=True)
    elif name == COSINE:
        course = optax.cosine_decay_schedule(learning_rate, rest, alpha=end)
    elif name == ONE_CYCLE:
        fall = start / end if end else math.inf
        course = optax.cosine_onecycle_schedule(rest, learning_rate, rise, 1 / start, fall)
    else:
        course = optax.constant_schedule(learning_rate)

    def rate(step):
        ramp = jnp.minimum(1.0, (step + 1).astype(jnp.float32) / warmup_steps) if warmup_steps else 1.0
        return jnp.float32(course(jnp.maximum(step - begins, 0) if begins else step)) * ramp

    return rate
