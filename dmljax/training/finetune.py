"""What of a trained network is kept while the rest learns: stages of the branches, their BatchNorm.

What is kept has no gradient, and neither its parameters nor its running statistics change by a bit. BatchNorm
that is kept normalises by its running statistics, as in evaluation.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.traverse_util import flatten_dict, unflatten_dict

from dmljax.fields import Field
from dmljax.models.dmlnet import TRUNK
from dmljax.models.pretrained import PARTS
from dmljax.types import UserError, nearest

BRANCHES = "branches"  # in place of stages: all of them
TRAINED, STATISTICS, ALL = BATCH_NORMS = ("trained", "statistics", "all")

FIELDS = {
    "frozen": Field(
        (),
        "Stages of each branch, as stem and stage1, or branches for all, kept with their BatchNorm.",
    ),
    "batch_norm": Field(
        TRAINED,
        "What is kept of the branches' BatchNorm: nothing, its statistics, or scale and offset too.",
        choices=BATCH_NORMS,
    ),
    "layer_decay": Field(
        1.0, "Factor of the learning rate from each stage of a branch to the one before it.", above=0
    ),
}

Path = tuple[str, ...]
TRAINS, WAITS, KEPT = "trains", "waits", "kept"  # what becomes of a parameter


class Kept(NamedTuple):
    """What is not trained.

    Attributes:
      always: paths of parameters that are never trained.
      first: paths of parameters that are not trained before step `until`.
      norms: paths of the BatchNorm modules that always keep their statistics.
      norms_first: of those that keep them until that step.
      until: the step in which the frozen stages begin to train; 0: never.
    """

    always: frozenset[Path] = frozenset()
    first: frozenset[Path] = frozenset()
    norms: frozenset[Path] = frozenset()
    norms_first: frozenset[Path] = frozenset()
    until: int = 0

    def __bool__(self) -> bool:
        return bool(self.always or self.first or self.norms or self.norms_first)

    def label(self, path: Path) -> str:
        """What becomes of a parameter: `TRAINS`, `WAITS` or `KEPT`."""
        return KEPT if path in self.always else WAITS if path in self.first else TRAINS

    def waits(self, step: jax.Array) -> jax.Array:
        """Whether the frozen stages are not trained yet, bool scalar."""
        return step < self.until


NOTHING = Kept()


def check(frozen: Iterable[str], stages: Iterable[str], backbone: str) -> None:
    """Raises UserError for a stage that the backbone has not."""
    known = (BRANCHES, *stages)
    for name in frozen:
        if name not in known:
            raise UserError(
                f"there is no stage '{name}' in the backbone {backbone}; there are {', '.join(known)}."
                f"{nearest(name, known)}",
                parameter="finetune.frozen",
            )


def kept(
    variables: Mapping[str, Any],
    stages: Mapping[str, tuple[str, ...]],
    *,
    frozen: Iterable[str] = (),
    batch_norm: str = TRAINED,
    until: int = 0,
) -> Kept:
    """What of a network is not trained.

    Args:
      variables: 'params' and 'batch_stats', arrays or their shapes.
      stages: name of a stage -> modules of a branch, from the image on.
      frozen, batch_norm: see `FIELDS`.
      until: see `Kept`.
    """
    branches = PARTS[BRANCHES]
    in_branch = lambda path: path[:2] in branches
    whole, modules = BRANCHES in frozen, {name for stage in frozen for name in stages.get(stage, ())}
    is_frozen = lambda path: in_branch(path) and (whole or path[2] in modules)
    params = set(flatten_dict(dict(variables["params"])))
    norms = {path[:-1] for path in flatten_dict(dict(variables.get("batch_stats", {}))) if in_branch(path)}
    still = {path for path in params if is_frozen(path)}
    of_norms = {path for path in params if path[:-1] in norms} if batch_norm == ALL else set()
    still_norms = {path for path in norms if is_frozen(path)}
    kept_norms = norms if batch_norm != TRAINED else set()
    if not until:
        return Kept(frozenset(still | of_norms), norms=frozenset(still_norms | kept_norms))
    return Kept(
        always=frozenset(of_norms),
        first=frozenset(still - of_norms),
        norms=frozenset(kept_norms),
        norms_first=frozenset(still_norms - kept_norms),
        until=until,
    )


def without_gradient(params: dict, held: Kept, step: jax.Array) -> dict:
    """The parameters; what is kept in this step has no gradient, whatever is differentiated."""
    if not held:
        return params
    flat, waits = flatten_dict(params), held.waits(step)
    for path, array in flat.items():
        if path in held.always:
            flat[path] = jax.lax.stop_gradient(array)
        elif path in held.first:
            flat[path] = jnp.where(waits, jax.lax.stop_gradient(array), array)
    return unflatten_dict(flat)


def statistics(new: dict, before: dict, held: Kept, step: jax.Array) -> dict:
    """BatchNorm's running statistics after a step, those that are kept as they were."""
    if not held.norms_first:
        return new
    flat, old, waits = flatten_dict(new), flatten_dict(before), held.waits(step)
    for path, array in flat.items():
        if path[:-1] in held.norms_first:
            flat[path] = jnp.where(waits, old[path], array)
    return unflatten_dict(flat)


def normalising(held: Kept, step: jax.Array):
    """A context in which a network's BatchNorm normalises by its running statistics where it keeps them.

    It reaches into any backbone: calls of `flax.linen.BatchNorm` are met on their way.
    """

    def call(next_call, args, kwargs, context):
        module = context.module
        if not isinstance(module, nn.BatchNorm) or module.path not in held.norms | held.norms_first:
            return next_call(*args, **kwargs)
        alone = module.clone(parent=None, name=None, use_running_average=True)
        by_kept = alone.apply(module.variables, args[0])
        if module.path in held.norms:
            return by_kept
        return jnp.where(held.waits(step), by_kept, next_call(*args, **kwargs))

    return nn.intercept_methods(call) if held else contextlib.nullcontext()


def factors(
    stages: Mapping[str, tuple[str, ...]], branches: Iterable[str], decay: float
) -> dict[Path, float]:
    """Beginning of a path of parameters -> factor of its learning rate: `decay` for the last stage but one of
    a branch, its square for the one before it, and so on.
    """
    if decay == 1:
        return {}
    names = list(stages)
    return {
        (TRUNK, branch, module): decay ** (len(names) - 1 - k)
        for branch in branches
        for k, name in enumerate(names)
        for module in stages[name]
    }
