"""Which losses are trained at a step (section 3.4 of the paper), as a function of the step inside one
compiled program.

First phase: the pose branch is frozen; the expression branch and the metric learning take turns. Then all
together.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from dmljax.types import EXPRESSION, POSE

HEADS = {"expression_head": EXPRESSION, "pose_head": POSE}


def active(
    step: jax.Array, tasks: tuple[str, ...], *, first_steps: int, turn_steps: int, triplet_from: int = 0
) -> jax.Array:
    """bool [K]: the tasks that step number `step` (int32 scalar) trains.

    Args:
      first_steps: length of the first phase; 0 for none.
      turn_steps: how many steps a turn of the first phase lasts. The paper says "interactively", without a
        number.
      triplet_from: the first step at which there is a triplet loss. DIFFERS: 0 in the paper; batch-hard
        mining pulls an embedding that nothing has formed yet into one point, so the heads may be given a
        lead.
    """
    alternating = "expression" in tasks and "triplet" in tasks
    metric_turn = (step // turn_steps) % 2 == 1
    in_first, mining = step < first_steps, step >= triplet_from
    trained = {
        "expression": ~(in_first & metric_turn & mining) if alternating else jnp.bool_(True),
        "pose": ~in_first,
        "triplet": mining & (~in_first | metric_turn | (not alternating)),
    }
    return jnp.stack([jnp.asarray(trained[task]) for task in tasks])


def trainable(active_tasks: jax.Array, tasks: tuple[str, ...], groups) -> dict[str, jax.Array]:
    """group -> bool scalar: a head trains while its task is active, every other group always."""
    flags = dict(zip(tasks, active_tasks))
    return {group: flags[HEADS[group]] if group in HEADS else jnp.bool_(True) for group in groups}
