"""What a weighting strategy is, and what it sees of a step: state in, state out, as in optax."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from dmljax.weightings.products import wide

# What a strategy may ask for -> what it is, and how a caller gives it.
NEEDS = {
    "losses": "weights that depend on this very step's losses",
    "positive": "losses that are not negative",
    "step": "the number of the step: value_and_grad(params, state, ..., step=number)",
    "rng": "a random key: value_and_grad(params, state, ..., rng=key)",
    "gram": "inner products of the tasks' gradients [K, K]: weightings.value_and_grad takes them, or give "
    "Signals(losses, gram=weightings.gram(gradients))",
    "cross_gram": "inner products between the gradients of two halves of the micro-batches [K, K]: "
    "weightings.value_and_grad with an even number of micro_batches takes them",
    "jacobian": "the tasks' gradients themselves, for `transform`: weightings.value_and_grad gives them",
    "post": "the losses after the step, for `post`: call value_and_grad.post(new_params, state, ...)",
}


class Signals(NamedTuple):
    """What a strategy sees of one step; everything but the losses may be left out. Equal on every device.

    Attributes:
      losses: unweighted losses, float32 [K], means over the global batch.
      active: bool [K], tasks that the present phase trains; all of them if left out.
      valid: bool [K], tasks for which the batch held anything to learn from; all if left out.
      step: number of the step that is being taken, int32 scalar; None unless the strategy needs it.
      gram: float32 [K, K], inner products of the tasks' gradients; None unless the strategy needs it.
      cross_gram: float32 [K, K], the same between gradients of two independent halves of the micro-batches.
      rng: a random key, the same on every device; None unless the strategy needs it.
      tasks: the tasks' names, static, where the caller knows them by name.

    Example:
      >>> import jax.numpy as jnp
      >>> seen = Signals(jnp.array([1.0, 2.0])).filled()
      >>> seen.active.tolist(), seen.gram
      ([True, True], None)
    """

    losses: jax.Array
    active: Any = None
    valid: Any = None
    step: jax.Array | None = None
    gram: jax.Array | None = None
    cross_gram: jax.Array | None = None
    rng: jax.Array | None = None
    tasks: tuple[str, ...] | None = None

    def filled(self) -> Signals:
        """The same with every task active and valid where nothing else is said, and the Gram matrix in
        float32 at least.

        Raises:
          ValueError: the losses are no vector, or a mask has another length.
        """
        losses = jnp.asarray(self.losses)
        if losses.ndim != 1:
            raise ValueError(f"losses must be a vector [K], one number a task; got shape {losses.shape}")
        everywhere = jnp.ones(losses.shape, bool)
        active = everywhere if self.active is None else jnp.asarray(self.active)
        valid = everywhere if self.valid is None else jnp.asarray(self.valid)
        for name, mask in (("active", active), ("valid", valid)):
            if mask.shape != losses.shape:
                raise ValueError(f"{name} has shape {mask.shape}, the losses have {losses.shape}")
        gram = self.gram
        if gram is not None:  # half precision would not do to solve on
            gram = jnp.asarray(gram)
            gram = gram.astype(wide(gram.dtype))
        return self._replace(losses=losses, active=active, valid=valid, gram=gram)


@dataclasses.dataclass(frozen=True)
class Weighting:
    """A weighting strategy: three pure, traceable functions and what they need.

    Attributes:
      init: (task names, K texts) -> state, a pytree of arrays of fixed shape. A strategy that needs the
        'jacobian' is also given the shared parameters (arrays or shapes), as `value_and_grad.shared` gives
        them.
      update: (Signals, state) -> (weights float32 [K], state, aux dict of scalars). The caller treats the
        weights as constants in the gradient. Signals that the strategy needs and did not get are named.
      needs: static; of `NEEDS`, what the caller has to do for it. Nobody pays for what he does not use.
      transform: (gradients of the shared parameters, leaves [K, ...], Signals without Gram matrices, state)
        -> (gradients, state). Inner products and the weighted sum are then taken of what it returns.
      post: (Signals of the step, losses [K] of the same batch after it, state) -> state.

    Raises:
      ValueError: an unknown need, or one without the function that goes with it.

    Example:
      >>> import jax.numpy as jnp
      >>> halves = Weighting(lambda tasks: (), lambda signals, state: (signals.active / 2, state, {}))
      >>> halves.update(Signals(jnp.array([1.0, 2.0])), halves.init(("depth", "normals")))[0].tolist()
      [0.5, 0.5]
    """

    init: Callable[..., Any]
    update: Callable[..., Any]
    needs: frozenset[str] = frozenset()
    transform: Callable[..., Any] | None = None
    post: Callable[..., Any] | None = None

    def __post_init__(self) -> None:
        needs = frozenset(self.needs)
        if unknown := sorted(needs - NEEDS.keys()):
            raise ValueError(f"a strategy cannot need {', '.join(unknown)}; there are {', '.join(NEEDS)}")
        for need, function in (("jacobian", self.transform), ("post", self.post)):
            if (need in needs) != (function is not None):
                name = "transform" if need == "jacobian" else "post"
                raise ValueError(
                    f"the need '{need}' and the function {name} go together; give both or neither"
                )
        object.__setattr__(self, "needs", needs)
        object.__setattr__(self, "init", _checked_init(self.init, needs))
        object.__setattr__(self, "update", _checked(self.update, needs))
        if self.transform is not None:
            early = needs & {"rng", "step"}  # inner products are taken after it
            object.__setattr__(self, "transform", _checked(self.transform, early))


def check_strategy(strategy) -> None:
    """Raises TypeError unless it is a strategy; a name or a strategy's maker is not one yet."""
    if not isinstance(strategy, Weighting):
        name = strategy if isinstance(strategy, str) else getattr(strategy, "__name__", "upgrad")
        raise TypeError(
            f"a strategy is needed, such as weightings.{name}(); got {type(strategy).__name__} {strategy!r}"
        )


def _checked_init(init: Callable, needs: frozenset[str]) -> Callable:
    """`init` that refuses names which are none, and says when the shared parameters are missing."""
    init = getattr(init, "unchecked", init)  # of a strategy that was made from another by dataclasses.replace

    def checked(tasks, params=None):
        names = tuple(tasks) if isinstance(tasks, Iterable) and not isinstance(tasks, str) else ()
        if not names or len(set(names)) < len(names):
            raise ValueError(f"tasks must be different names such as ('depth', 'normals'); got {tasks!r}")
        if "jacobian" not in needs:
            return init(names)
        if params is None:
            raise ValueError(
                "this strategy works on the gradients themselves and keeps a state of their shapes: "
                "init(tasks, value_and_grad.shared(params))"
            )
        return init(names, params)

    return _marked(checked, init)


def _checked(function: Callable, needs: frozenset[str]) -> Callable:
    """`update` or `transform` that fills in the masks, and names a need that is not met."""
    function = getattr(function, "unchecked", function)

    def checked(*arguments):
        *before, signals, state = arguments
        for need in sorted(needs & set(Signals._fields)):
            if getattr(signals, need) is None:
                raise ValueError(f"this strategy needs '{need}', {NEEDS[need]}")
        return function(*before, signals.filled(), state)

    return _marked(checked, function)


def _marked(checked: Callable, unchecked: Callable) -> Callable:
    """The checked function, from which the unchecked one can be had back."""
    checked.unchecked = unchecked  # type: ignore[attr-defined]
    return checked


def per_task(params, tasks: int):
    """Zeros [K, ...] for every leaf of the shared parameters: one row a task."""
    return jax.tree.map(lambda x: jnp.zeros((tasks, *x.shape), x.dtype), params)
