"""Which losses are trained at a step (section 3.4 of the paper): a function of the step alone.

First phase: the pose branch is frozen; the expression branch and the metric learning take turns. Then all
together.
"""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp


def active(
    step: jax.Array,
    tasks: tuple[str, ...],
    *,
    starts: Mapping[str, int],
    turns: tuple[str, ...],
    turns_until: int,
    turn_steps: int,
) -> jax.Array:
    """bool [K]: the tasks that step number `step` (int32 scalar) trains.

    Args:
      tasks: names, in the order of the result.
      starts: the first step of a task that is not trained from the beginning. The paper freezes the pose
        branch first. DIFFERS: so may the triplet loss be; batch-hard mining pulls an embedding that nothing
        has formed yet into one point, so the heads may be given a lead.
      turns: tasks that take turns in the first phase, in this order; those that are not among `tasks` do not
        count. A task whose turn it is but that has not started leaves its turn to the others.
      turns_until: length of the first phase in steps; 0 for none.
      turn_steps: how many steps a turn lasts. The paper says "interactively", without a number.
    """
    trained = {task: step >= starts[task] if task in starts else jnp.bool_(True) for task in tasks}
    started, present = dict(trained), [task for task in turns if task in tasks]
    first_phase, turn = step < turns_until, (step // turn_steps) % max(len(present), 1)
    for task in present:
        for k, other in enumerate(present):
            if other != task:
                trained[task] &= ~(first_phase & (turn == k) & started[other])
    return jnp.stack([trained[task] for task in tasks])


def trainable(
    active_tasks: jax.Array, tasks: tuple[str, ...], groups, heads_of: Mapping[str, str]
) -> dict[str, jax.Array]:
    """group -> bool scalar: a head trains while its task is active, every other group always.

    Args:
      active_tasks: bool [K].
      groups: names of the groups of parameters.
      heads_of: group -> the task of which it is the head.
    """
    flags = dict(zip(tasks, active_tasks))
    return {group: flags[heads_of[group]] if group in heads_of else jnp.bool_(True) for group in groups}
