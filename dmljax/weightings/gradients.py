"""`value_and_grad` for many losses: one gradient from all of them, as a weighting strategy wants it.

What has to be done is chosen statically, by what the strategy needs:

* weights from the losses alone: one pull-back of the weighted sum;
* the Gram matrix on a representation: K pull-backs through what follows it, one through what precedes it;
* the Gram matrix or the whole Jacobian on the shared parameters: K pull-backs through everything.

Gradients are averaged over the devices before inner products are formed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from dmljax.weightings import micro_batches, products, sharing
from dmljax.weightings.interface import Signals, Weighting, check_strategy
from dmljax.weightings.losses import like
from dmljax.weightings.passes import Pass

HEADS = ("weighted", "unit")


def check_params(params) -> None:
    """Raises TypeError unless every leaf is a float array."""
    for path, leaf in jax.tree.leaves_with_path(params):
        kind = getattr(leaf, "dtype", type(leaf))
        if kind is not float and not (hasattr(leaf, "dtype") and jnp.issubdtype(kind, jnp.floating)):
            name = jax.tree_util.keystr(path) or "params"
            raise TypeError(
                f"parameters must be float arrays, which have a gradient; {name} is {kind}. Give what is not"
                " trained as another argument"
            )


class Aux(NamedTuple):
    """What a step tells beside losses and weights.

    Attributes:
      valid: bool [K], or by name: the tasks that the global batch had anything for.
      strategy: what the strategy tells, name -> scalar.
      extra: what the function of losses returned beside them, a mean over the micro-batches; or None.
      carry: what went in as `carry`, after the last micro-batch; or None.

    Example:
      >>> import jax.numpy as jnp
      >>> from dmljax import weightings
      >>> f = weightings.value_and_grad(lambda w: [w, 2 * w], weightings.upgrad())
      >>> (_, _, aux), _, _ = f(jnp.array(1.0), ())
      >>> aux.valid.tolist(), sorted(aux.strategy)
      ([True, True], ['fallback'])
    """

    valid: Any
    strategy: dict[str, jax.Array]
    extra: Any = None
    carry: Any = None


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Pending:
    """The state of a strategy that still waits for the losses after the step; `ValueAndGrad.post` takes
    it.
    """

    signals: Signals
    state: Any


@dataclasses.dataclass(frozen=True)
class ValueAndGrad:
    """A function of losses together with the strategy that weighs them; made by `value_and_grad`.

    Call it as `(losses, weights, aux), gradients, state = f(params, state, *args)`; after the parameters have
    changed, `state = f.post(params, state, *args)` for strategies that learn from the losses after the step.

    Example:
      >>> import jax.numpy as jnp
      >>> from dmljax import weightings
      >>> strategy = weightings.famo()
      >>> f = weightings.value_and_grad(lambda w: {"a": w**2, "b": (w - 1.0) ** 2}, strategy)
      >>> w, state = jnp.array(0.5), strategy.init(("a", "b"))
      >>> (losses, weights, _), gradient, state = f(w, state)
      >>> w = w - 0.1 * gradient
      >>> state = f.post(w, state)
      >>> {task: float(weight) for task, weight in weights.items()}
      {'a': 0.5, 'b': 0.5}
    """

    losses_fn: Callable
    strategy: Weighting
    where: sharing.Choice
    representation: Callable | None
    heads: str
    has_aux: bool
    micro_batches: int | None
    axis_name: str | None

    def shared(self, params):
        """The shared part of the parameters, for `strategy.init(tasks, value_and_grad.shared(params))`."""
        return sharing.get(params, sharing.places(params, self.where))

    def __call__(self, params, state, *args, carry=None, active=None, step=None, rng=None):
        """Losses, weights and the combined gradient at `params`.

        Args:
          params: a pytree of float arrays.
          state: the strategy's, from its `init` or the last call. Losses are those of its tasks by their
            order, which has to stay the same.
          args: given to the function of losses; with micro-batches every leaf has a leading axis of them.
          carry: a pytree that runs through the micro-batches in turn, such as BatchNorm's statistics.
          active: bool [K], tasks that are trained at this step; all of them if left out.
          step, rng: number of the step and a random key, for strategies that need them.

        Returns:
          ((losses, weights, `Aux`), gradients like `params`, state). Losses and weights come in the form in
          which the function returns its losses: a dict of scalars, or a vector [K].

        Raises:
          ValueError: something that the strategy needs is not given, the state is not one of this strategy
            for so many losses, or `post` was not called after a step.
          TypeError: the function returns no losses, or a parameter is not float.
        """
        if isinstance(state, Pending):
            raise ValueError(
                "this strategy learns from the losses after a step: after the parameters have changed, call "
                "state = value_and_grad.post(new_params, state, ...) with the same batch"
            )
        check_params(params)
        own = products.varying((params, carry), self.axis_name)
        run = Pass(self, own[0], sharing.places(params, self.where), state, active, step, rng)
        run.count(own[1], args)
        carry, seen, halves = micro_batches.average(
            run.micro_batch, own[1], args, self.micro_batches, halves="cross_gram" in self.strategy.needs
        )
        weights, gradient, state, aux, signals = run.combined(seen, halves)
        aux = Aux(like(seen.valid, run.layout.tasks), aux, seen.extra, carry)
        if self.strategy.post is not None:
            state = Pending(signals._replace(tasks=None), state)
        return (like(seen.losses, run.layout.tasks), like(weights, run.layout.tasks), aux), gradient, state

    def post(self, params, state, *args, carry=None):
        """The state after the parameters have changed: strategies that want it learn from the losses there.

        Of other strategies the state is returned as it is, so that one loop serves all.

        Args:
          params: the new parameters.
          state: as returned by the call before.
          args, carry: as given to that call.

        Raises:
          ValueError: the state is not that of the call before.
        """
        if self.strategy.post is None:
            return state
        if not isinstance(state, Pending):
            raise ValueError("post takes the state that value_and_grad(params, state, ...) has just returned")
        run = Pass(self, params, None, state.state, None, None, None)
        after = run.after(carry, args)
        return self.strategy.post(state.signals._replace(tasks=run.layout.tasks), after, state.state)


def value_and_grad(
    losses_fn: Callable,
    strategy: Weighting,
    *,
    shared: sharing.Choice = None,
    representation: Callable | None = None,
    heads: str = "weighted",
    has_aux: bool = False,
    micro_batches: int | None = None,
    axis_name: str | None = None,
) -> ValueAndGrad:
    """Like `jax.value_and_grad`, for several losses and a strategy that weighs them.

    The function that is returned does what the strategy needs: Gram matrices, whole Jacobians, second passes.
    It is pure; use it under `jit`, `pmap`, `shard_map`, in any training loop with any optimizer.

    Args:
      losses_fn: (params, *args) -> losses: a dict of scalars by task, a sequence of scalars, a vector [K], or
        `Losses`, which also says how many labels there were for each. With `has_aux` it returns (losses,
        extra); if a `carry` is given to the call, it gets the keyword `carry` and returns (losses, carry) or
        (losses, carry, extra). Under `axis_name` its losses are this device's; what counts is their mean over
        the devices, weighed by counts if `Losses` gives them.
      strategy: such as `upgrad()`, `dwa()` or your own `Weighting`.
      shared: which parameters all tasks share: a key, several keys, or a function from the parameters to a
        part of them; None: all. Gradients are compared there.
      representation: (params, *args) -> an array or its shape. Inner products are then taken of the gradients
        on it instead of on the shared parameters, which costs one pull-back through the trunk instead of K;
        `losses_fn` has a keyword `offset=None`; where it is given, zeros of that shape, it has to be added
        to the representation; if it is not, the Gram matrix is zero.
      heads: what reaches the parameters that are not shared: 'weighted', their part of the weighted sum, or
        'unit', every active loss in full.
      has_aux: `losses_fn` returns something beside the losses.
      micro_batches: how many micro-batches the leading axis of every argument holds; None: no such axis.
        Losses, gradients, weights and state are those of the whole batch, by the counts of `Losses`.
      axis_name: the axis of `pmap` or `shard_map` over which batches are spread; None for one device.

    Returns:
      a `ValueAndGrad`: call it as `(losses, weights, aux), gradients, state = f(params, state, *args)`.

    Raises:
      ValueError: settings that do not go together, or that the strategy cannot work with.

    Example:
      >>> import jax.numpy as jnp
      >>> from dmljax import weightings
      >>> def losses_fn(params, x):
      ...     z = params["trunk"] * x
      ...     return {"depth": jnp.sum((z - 1.0) ** 2), "normals": jnp.sum((z + params["head"]) ** 2)}
      >>> strategy = weightings.upgrad()
      >>> f = weightings.value_and_grad(losses_fn, strategy, shared="trunk")
      >>> params = {"trunk": jnp.array(0.5), "head": jnp.array(1.0)}
      >>> state = strategy.init(("depth", "normals"))
      >>> (losses, weights, aux), gradients, state = f(params, state, jnp.array([2.0]))
      >>> {name: float(loss) for name, loss in losses.items()}
      {'depth': 0.0, 'normals': 4.0}
      >>> sorted(gradients)
      ['head', 'trunk']
    """
    if not callable(losses_fn):
        raise TypeError(f"losses_fn must be a function of (params, ...); got {type(losses_fn).__name__}")
    check_strategy(strategy)
    needs = strategy.needs
    if heads not in HEADS:
        raise ValueError(f"heads must be one of {', '.join(HEADS)}; got {heads!r}")
    if micro_batches is not None and (not isinstance(micro_batches, int) or micro_batches < 1):
        raise ValueError(f"micro_batches must be a whole number, at least 1, or None; got {micro_batches!r}")
    if representation is not None and needs & {"jacobian", "cross_gram"}:
        raise ValueError(
            "this strategy needs the gradients of the shared parameters themselves; leave representation out"
        )
    if "cross_gram" in needs and (micro_batches or 1) % 2:
        raise ValueError(
            "this strategy compares two independent halves of a step; micro_batches must be an even number, "
            f"not {micro_batches}"
        )
    return ValueAndGrad(losses_fn, strategy, shared, representation, heads, has_aux, micro_batches, axis_name)
