"""From the tasks' losses to one gradient: how a weighting strategy gets what it asks for, inside the one
train step.

Three ways, chosen statically by what the strategy needs:

* weights from the losses alone: one pull-back of the weighted sum;
* the Gram matrix on the representation f2 (`rep`): K pull-backs through embedding and heads, one through the
trunk; * the Gram matrix or the whole Jacobian on the trunk's parameters (`shared`): K pull-backs through
everything.

Gradients are averaged over the devices before inner products are formed. For the representation each device
holds other rows, so their inner products add up, and only K x K numbers travel.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from dmljax.types import Signals, Weighting

TRUNK = "trunk"  # the group of parameters whose gradients are compared
_STRATEGY = 2**31 - 1  # folded into a step's key for the strategy; no row of a batch has that number
PROVIDES = frozenset({"losses", "positive", "gram", "cross_gram", "jacobian", "rng", "post"})
SOURCES, HEADS = ("shared", "rep"), ("weighted", "unit")


class Plan(NamedTuple):
    """What is traced; static.

    Attributes:
      weighting: the strategy.
      source: where inner products are taken: 'shared', the trunk's parameters, or 'rep', the fused feature
        f2.
      heads: what reaches the heads: 'weighted', their share of the weighted sum, or 'unit', every active loss
        in full.
    """

    weighting: Weighting
    source: str = "shared"
    heads: str = "weighted"

    def wants(self, need: str) -> bool:
        return need in self.weighting.needs

    def per_task(self, micro_batches: int) -> bool:
        """Whether gradients are kept apart by task until all micro-batches are through."""
        gram = self.wants("gram") and (self.source == "shared" or micro_batches > 1)
        # weights that depend on this step's losses come too late
        late = micro_batches > 1 and self.wants("losses")
        return gram or late or self.wants("cross_gram") or self.wants("jacobian")


def of_micro_batch(
    forward: Callable, params, offset, weigh: Callable, plan: Plan, active, *, micro_batches: int, axis_name
):
    """Losses and gradients of one micro-batch.

    Args:
      forward: (params, offset [N, F] added to f2) -> (this device's shares of the losses [K], anything).
      weigh: (losses [K], anything, gram or None) -> weights [K]; called where they can be known by now.
      active: bool [K].

    Returns:
      (losses [K] over all devices, this device's gradient (per task [K, ...] if the plan says so), gram [K,
      K] of this micro-batch on the representation or None, and the anything).
    """
    shares, pull, rest = jax.vjp(forward, params, offset, has_aux=True)
    losses = mean(shares, axis_name)
    units = jnp.eye(len(shares))
    gram = None
    if plan.wants("gram") and plan.source == "rep":
        gram = rep_gram(jnp.stack([pull(unit)[1] for unit in units]), axis_name)
    if plan.per_task(micro_batches):
        gradient = jax.tree.map(lambda *g: jnp.stack(g), *(pull(unit)[0] for unit in units))
        return losses, gradient, gram, rest
    gradient = pull(weigh(losses, rest, gram))[0]
    if plan.heads == "unit":
        gradient = {**pull(active.astype(jnp.float32))[0], TRUNK: gradient[TRUNK]}
    return losses, gradient, gram, rest


def combine(jacobian, weights, active, plan: Plan):
    """Per-task gradients [K, ...] -> one."""
    full = active.astype(jnp.float32)
    found = {}
    for group, part in jacobian.items():
        share = full if plan.heads == "unit" and group != TRUNK else weights
        found[group] = jax.tree.map(lambda g, w=share: jnp.tensordot(w, g, 1), part)
    return found


def gram(left, right=None) -> jax.Array:
    """Inner products of the tasks' gradients, float32 [K, K]; leaves [K, ...], already averaged over the
    devices.
    """
    flat = lambda tree: [leaf.reshape(leaf.shape[0], -1) for leaf in jax.tree.leaves(tree)]
    pairs = zip(flat(left), flat(left if right is None else right))
    return sum(jnp.matmul(a, b.T, precision=jax.lax.Precision.HIGHEST) for a, b in pairs)


def rep_gram(rows: jax.Array, axis_name: str | None) -> jax.Array:
    """Inner products of the tasks' gradients on the representation; rows [K, N, F] are this device's, of its
    shares' sum.
    """
    own = gram(rows / (1 if axis_name is None else jax.lax.axis_size(axis_name)))
    return own if axis_name is None else jax.lax.psum(own, axis_name)


def cosines(matrix: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(norms [K], cosines [K, K], 0 where a gradient vanishes) of a Gram matrix."""
    norms = jnp.sqrt(jnp.maximum(jnp.diag(matrix), 0.0))
    product = norms[:, None] * norms[None]
    return norms, jnp.where(product > 0, matrix / jnp.where(product > 0, product, 1.0), 0.0)


def mean(tree, axis_name: str | None):
    """Mean over the devices. A local share is differentiated and then averaged, never the other way round."""
    return tree if axis_name is None else jax.lax.pmean(tree, axis_name)


def signals(losses, active, valid, step, key, plan: Plan, *, gram=None, cross_gram=None) -> Signals:
    """What the strategy sees; the random key is the same on every device."""
    return Signals(
        losses,
        active,
        valid,
        step,
        gram,
        cross_gram,
        jax.random.fold_in(key, _STRATEGY) if plan.wants("rng") else None,
    )
