"""One pass over a batch: losses, pull-backs, inner products, and the gradient that comes of them."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from dmljax.weightings import micro_batches, products, sharing
from dmljax.weightings.interface import Signals
from dmljax.weightings.losses import as_vector


def check_state(strategy, state, tasks: tuple[str, ...] | None, count: int, shared) -> None:
    """Raises ValueError unless the state is of the form that the strategy's `init` gives for these losses.

    A strategy that knows its tasks by name cannot be asked where the losses have none.
    """
    names = tasks or tuple(f"task {k}" for k in range(count))
    try:
        expected = jax.eval_shape(lambda: strategy.init(names, shared))
    except (ValueError, TypeError, KeyError):
        if tasks:
            raise
        return
    forms = [
        {
            jax.tree_util.keystr(path) or "state": jnp.shape(leaf)
            for path, leaf in jax.tree.leaves_with_path(tree)
        }
        for tree in (state, expected)
    ]
    same = str(jax.tree.structure(state)) == str(jax.tree.structure(expected))
    if not same or forms[0] != forms[1]:
        own, right = (
            ", ".join(f"{name} {shape}" for name, shape in form.items()) or "nothing" for form in forms
        )
        raise ValueError(
            f"this state is not one of this strategy for {count} losses ({', '.join(names)}): it holds {own},"
            f" expected {right}; make it by strategy.init(tasks) with the tasks whose losses are returned"
        )


class Pass:
    """One call of `ValueAndGrad`, from which the settings are: what is known while it is traced."""

    def __init__(self, settings, params, places, state, active, step, rng):
        self.settings, self.params, self.places, self.state = settings, params, places, state
        self.active, self.step, self.rng, self.tasks = active, step, rng, None

    def wants(self, need: str) -> bool:
        return need in self.settings.strategy.needs

    @property
    def apart(self) -> bool:
        """Whether gradients are kept apart by task until all micro-batches are through."""
        several = (self.settings.micro_batches or 1) > 1
        gram = self.wants("gram") and (self.settings.representation is None or several)
        late = several and self.wants("losses")  # weights that depend on this step's losses come too late
        return gram or late or self.wants("cross_gram") or self.wants("jacobian")

    @property
    def shared(self):
        return sharing.get(self.params, self.places)

    def forward(self, carry, rows):
        """(params, offset of the representation or None) -> (losses [K], (valid [K], extra, carry))."""
        settings = self.settings

        def forward(params, offset):
            options = {} if carry is None else {"carry": carry}
            options |= {} if offset is None else {"offset": offset}
            found = settings.losses_fn(params, *rows, **options)
            parts = (found,) if carry is None and not settings.has_aux else found
            names = ["losses"] + ["carry"] * (carry is not None) + ["extra"] * settings.has_aux
            if not isinstance(parts, tuple) or len(parts) != len(names):
                raise TypeError(f"the function of losses must return ({', '.join(names)}); got {type(found)}")
            given = dict(zip(names, parts))
            vector = as_vector(given["losses"])
            self.tasks = vector.tasks
            return vector.values, (vector.valid, given.get("extra"), given.get("carry"))

        return forward

    def signals(self, losses, valid, **grams) -> Signals:
        rng = self.rng if self.wants("rng") else None
        return Signals(losses, self.active, valid, self.step, rng=rng, tasks=self.tasks, **grams).filled()

    def weigh(self, signals: Signals, state):
        weights, state, aux = self.settings.strategy.update(signals, state)
        return jnp.where(signals.active, weights, 0.0), state, aux

    def micro_batch(self, carry, rows):
        """(carry, losses and gradients of one micro-batch): the gradient is this device's, see `apart`."""
        settings, axis_name = self.settings, self.settings.axis_name
        offset = None
        if settings.representation is not None and self.wants("gram"):
            shape = jax.eval_shape(settings.representation, self.params, *rows)
            offset = products.varying(jnp.zeros(shape.shape, shape.dtype), axis_name)
        shares, pull, (valid, extra, carry) = jax.vjp(
            self.forward(carry, rows), self.params, offset, has_aux=True
        )
        check_state(settings.strategy, self.state, self.tasks, len(shares), self.shared)
        losses, valid = products.mean(shares, axis_name), products.anywhere(valid, axis_name)
        units = products.varying(jnp.eye(len(shares), dtype=shares.dtype), axis_name)
        gram = None
        if offset is not None:
            gram = products.representation_gram(jnp.stack([pull(unit)[1] for unit in units]), axis_name)
        if self.apart:
            gradient = jax.tree.map(lambda *g: jnp.stack(g), *(pull(unit)[0] for unit in units))
            return carry, micro_batches.Seen(losses, valid, extra, gradient, gram)
        signals = self.signals(losses, valid, gram=gram)
        weights = products.varying(self.weigh(signals, self.state)[0], axis_name)
        gradient = pull(weights.astype(shares.dtype))[0]
        if settings.heads == "unit":
            full = products.varying(signals.active.astype(shares.dtype), axis_name)
            gradient = sharing.put(pull(full)[0], sharing.get(gradient, self.places), self.places)
        return carry, micro_batches.Seen(losses, valid, extra, gradient, gram)

    def combined(self, seen: micro_batches.Seen, halves):
        """(weights [K], gradient, state, aux, signals) after all micro-batches."""
        strategy, state, axis_name = self.settings.strategy, self.state, self.settings.axis_name
        gradient, grams = products.mean(seen.gradient, axis_name), {"gram": seen.gram}
        if strategy.transform is not None:
            shown = self.signals(seen.losses, seen.valid)
            changed, state = strategy.transform(sharing.get(gradient, self.places), shown, state)
            gradient = sharing.put(gradient, changed, self.places)
        if self.wants("gram") and self.settings.representation is None:
            grams["gram"] = products.gram(sharing.get(gradient, self.places))
        if self.wants("cross_gram"):
            parts = (products.mean(sharing.get(half, self.places), axis_name) for half in halves)
            grams["cross_gram"] = products.gram(*parts)
        signals = self.signals(seen.losses, seen.valid, **grams)
        weights, state, aux = self.weigh(signals, state)
        if self.apart:
            gradient = self.sum_of_tasks(gradient, weights, signals.active)
        return weights, gradient, state, aux, signals

    def sum_of_tasks(self, gradient, weights, active):
        """Gradients by task, leaves [K, ...], as one: weighted in the shared part, by `heads` elsewhere."""
        total = lambda share: lambda g: jnp.tensordot(share.astype(g.dtype), g, 1)
        shared = jax.tree.map(total(weights), sharing.get(gradient, self.places))
        outside = active if self.settings.heads == "unit" else weights
        return sharing.put(jax.tree.map(total(outside), gradient), shared, self.places)
