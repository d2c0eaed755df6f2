"""One pass over a batch: losses, pull-backs, inner products, and the gradient that comes of them."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from dmljax.weightings import counting, micro_batches, products, sharing
from dmljax.weightings.interface import Signals
from dmljax.weightings.losses import Layout, Vector, as_vector


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
        self.active, self.step, self.rng = active, step, rng
        self.layout = Layout(None, (), 0)  # known with the first losses
        self.counts = None  # of each micro-batch, where there are several and they differ
        self.pull = None  # weights [K] -> this device's gradient, for what is not shared by all tasks

    def wants(self, need: str) -> bool:
        return need in self.settings.strategy.needs

    @property
    def several(self) -> bool:
        """Whether the step has several micro-batches."""
        return (self.settings.micro_batches or 1) > 1

    @property
    def apart(self) -> bool:
        """Whether gradients are kept apart by task until all micro-batches are through."""
        gram = self.wants("gram") and (self.settings.representation is None or self.several)
        # weights that depend on this step's losses come too late to weigh its gradients as they are made
        late = self.several and self.wants("losses")
        return gram or late or self.wants("cross_gram") or self.wants("jacobian")

    @property
    def shared(self):
        return sharing.get(self.params, self.places)

    def look(self, params, carry, rows, offset=None):
        """(`Vector` of losses, extra, carry): what the function of losses says of a micro-batch."""
        settings = self.settings
        options = {} if carry is None else {"carry": carry}
        options |= {} if offset is None else {"offset": offset}
        found = settings.losses_fn(params, *rows, **options)
        parts = (found,) if carry is None and not settings.has_aux else found
        names = ["losses"] + ["carry"] * (carry is not None) + ["extra"] * settings.has_aux
        if not isinstance(parts, tuple) or len(parts) != len(names):
            raise TypeError(f"the function of losses must return ({', '.join(names)}); got {type(found)}")
        given = dict(zip(names, parts))
        vector = as_vector(given["losses"])
        self.layout = vector.layout
        return vector, given.get("extra"), given.get("carry")

    def count(self, carry, args) -> None:
        """Counts labelled samples ahead: what a micro-batch weighs depends on those that follow it."""
        if not self.several:
            return

        def own(carry, rows):
            vector, _, carry = self.look(self.params, carry, rows)
            return carry, vector.behind

        found = micro_batches.by_micro_batch(own, carry, args, self.settings.micro_batches)
        if counting.known(found):
            over_devices = lambda one: counting.over_devices(one, self.layout, self.settings.axis_name)
            self.counts = jax.vmap(over_devices)(found)

    def total(self, vector: Vector) -> counting.Counts:
        """What is behind the losses of the step, of which this is a micro-batch."""
        if self.counts is not None:
            return counting.whole(self.counts)
        if counting.known(vector.behind):
            return counting.over_devices(vector.behind, self.layout, self.settings.axis_name)
        return counting.Counts(None, jnp.ones(vector.layout.size, bool))

    def shares(self, vector: Vector, total: counting.Counts) -> jax.Array:
        """[P], of which the mean over micro-batches and devices counts."""
        if total.samples is None:
            return vector.values
        return counting.shares(vector, total, self.settings.micro_batches or 1, self.settings.axis_name)

    def forward(self, carry, rows):
        """(params, offset of the representation or None) -> (shares [P], (valid [K], extra, carry))."""

        def forward(params, offset):
            vector, extra, left = self.look(params, carry, rows, offset)
            total = self.total(vector)
            return self.shares(vector, total), (total.valid, extra, left)

        return forward

    def signals(self, losses, valid, **grams) -> Signals:
        rng = self.rng if self.wants("rng") else None
        return Signals(
            losses, self.active, valid, self.step, rng=rng, tasks=self.layout.tasks, **grams
        ).filled()

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
        layout = self.layout
        check_state(settings.strategy, self.state, layout.tasks, layout.size, self.shared)
        losses = products.mean(counting.by_task(layout, shares), axis_name)
        spread = lambda values: counting.of_task(
            layout, products.varying(values.astype(shares.dtype), axis_name)
        )
        tasks = jnp.eye(layout.size, dtype=shares.dtype)
        gram = None
        if offset is not None:
            gram = products.representation_gram(
                jnp.stack([pull(spread(unit))[1] for unit in tasks]), axis_name
            )
        if self.apart:
            # the halves of a step differ in what is behind each mean, so these stay apart until it is through
            means = jnp.eye(len(shares), dtype=shares.dtype)
            rows = products.varying(means, axis_name) if self.wants("cross_gram") else map(spread, tasks)
            found = (pull(row)[0] for row in rows)
            if not self.several:
                # heads wait for the weights: one more pull-back, and no copies of them by task
                self.pull = lambda weights: pull(spread(weights))[0]
                found = (sharing.get(one, self.places) for one in found)
            gradient = jax.tree.map(lambda *g: jnp.stack(g), *found)
            return carry, micro_batches.Seen(losses, valid, extra, gradient, gram)
        signals = self.signals(losses, valid, gram=gram)
        weights = self.weigh(signals, self.state)[0]
        gradient = pull(spread(weights))[0]
        if settings.heads == "unit":
            full = pull(spread(signals.active))[0]
            gradient = sharing.put(full, sharing.get(gradient, self.places), self.places)
        return carry, micro_batches.Seen(losses, valid, extra, gradient, gram)

    def by_task(self, gradient, factor=None):
        """Gradients of the means, leaves [P, ...], as those of the losses; `factor` [P] for each of them."""

        def one(g):
            rows = g if factor is None else g * factor.astype(g.dtype).reshape(-1, *(1,) * (g.ndim - 1))
            return counting.by_task(self.layout, rows)

        return jax.tree.map(one, gradient)

    def combined(self, seen: micro_batches.Seen, halves):
        """(weights [K], gradient, state, aux, signals) after all micro-batches."""
        strategy, state, axis_name = self.settings.strategy, self.state, self.settings.axis_name
        gradient = products.mean(seen.gradient, axis_name)
        grams: dict[str, jax.Array | None] = {"gram": seen.gram}
        if self.wants("cross_gram"):
            gradient = self.by_task(gradient)
            grams["cross_gram"] = products.gram(*self.halves(halves))
        shared = gradient if self.pull is not None else sharing.get(gradient, self.places)
        if strategy.transform is not None:
            shared, state = strategy.transform(shared, self.signals(seen.losses, seen.valid), state)
        if self.wants("gram") and self.settings.representation is None:
            grams["gram"] = products.gram(shared)
        signals = self.signals(seen.losses, seen.valid, **grams)
        weights, state, aux = self.weigh(signals, state)
        if self.apart:
            gradient = self.sum_of_tasks(gradient, shared, weights, signals.active)
        return weights, gradient, state, aux, signals

    def halves(self, halves):
        """Gradients of the shared parameters by task, of the first and of the second half of a step."""
        count, axis_name = self.settings.micro_batches, self.settings.axis_name
        for half, first in zip(halves, (0, count // 2)):
            factor = None
            if self.counts is not None:
                factor = counting.of_half(self.counts, first, first + count // 2)
            yield products.mean(self.by_task(sharing.get(half, self.places), factor), axis_name)

    def after(self, carry, args):
        """Losses [K] at other parameters, without a gradient."""
        seen = [
            self.look(self.params, carry, rows)[0]
            for rows in micro_batches.each(args, self.settings.micro_batches)
        ]
        axis_name = self.settings.axis_name
        if len(seen) > 1 and counting.known(seen[0].behind):
            behind = [counting.over_devices(one.behind, self.layout, axis_name) for one in seen]
            self.counts = jax.tree.map(lambda *x: jnp.stack(x), *behind)
        shares = [counting.by_task(self.layout, self.shares(one, self.total(one))) for one in seen]
        losses = [products.mean(share, axis_name) for share in shares]
        return losses[0] if len(losses) == 1 else jnp.stack(losses).mean(0)

    def sum_of_tasks(self, gradient, shared, weights, active):
        """Gradients by task, leaves [K, ...], as one: weighted in the shared part, by `heads` elsewhere.

        Of one micro-batch `gradient` is not needed: the rest is pulled back by its weights.
        """
        total = lambda share: lambda g: jnp.tensordot(share.astype(g.dtype), g, 1)
        outside = active if self.settings.heads == "unit" else weights
        if self.pull is None:
            whole = jax.tree.map(total(outside), gradient)
        else:
            whole = products.mean(self.pull(outside), self.settings.axis_name)
        found = sharing.put(whole, jax.tree.map(total(weights), shared), self.places)
        # a strategy's own rows may be wider than half precision
        return jax.tree.map(lambda g, parameter: g.astype(jnp.result_type(parameter)), found, self.params)
