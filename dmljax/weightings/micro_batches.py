"""Micro-batches: a step taken in parts, averaged; the gradients of its halves on demand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from dmljax.weightings.products import varying_as, wide


class Seen(NamedTuple):
    """What one micro-batch, or the mean over all, comes to.

    Attributes:
      losses: float32 [K], over all devices.
      valid: bool [K].
      extra: whatever the function of losses returned beside them.
      gradient: this device's, like the parameters; or by task, leaves [K, ...].
      gram: [K, K], of the representation, or None.
    """

    losses: jax.Array
    valid: jax.Array
    extra: Any
    gradient: Any
    gram: jax.Array | None


def each(args: tuple, count: int | None) -> list[tuple]:
    """The arguments of each micro-batch in turn; those of the whole where there is no such axis."""
    if count is None:
        return [args]
    _check(args, count)
    return [jax.tree.map(lambda x, k=k: x[k], args) for k in range(count)]


def by_micro_batch(function: Callable, carry, args: tuple, count: int):
    """What the function says of each micro-batch, leaves [count, ...]; the carry runs through them in turn.

    Nothing else of the function is computed: labels are counted without a pass through a network.
    """
    _check(args, count)
    return jax.jit(lambda carry, args: jax.lax.scan(function, carry, args)[1])(carry, args)


def average(function: Callable, carry, args: tuple, count: int | None, *, halves: bool):
    """The carry runs through the micro-batches in turn; all else is averaged over them.

    Losses come as shares: their mean over the micro-batches is the loss of the step, see `counting.shares`.

    Args:
      function: (carry, args of one micro-batch) -> (carry, `Seen`).
      count: micro-batches, the length of the leading axis of every argument; None: no such axis.
      halves: keep the gradients of the first and of the second half.

    Returns:
      (carry, `Seen`, [gradient of the first half, of the second] or None).
    """
    if count is None:
        return (*function(carry, args), None)
    _check(args, count)
    if count == 1:
        return (*function(carry, jax.tree.map(lambda x: x[0], args)), None)
    after, shape = jax.eval_shape(function, carry, jax.tree.map(lambda x: x[0], args))
    carry = varying_as(carry, after)
    zeros = varying_as(jax.tree.map(lambda s: jnp.zeros(s.shape, wide(s.dtype)), shape), shape)

    def add(held, rows):
        carry, sums = held
        carry, seen = function(carry, rows)
        return (carry, jax.tree.map(lambda total, x: total + x.astype(total.dtype), sums, seen)), None

    parts, bounds = [], (0, count // 2, count) if halves else (0, count)
    for first, last in zip(bounds, bounds[1:]):
        part = jax.tree.map(lambda x, first=first, last=last: x[first:last], args)
        (carry, sums), _ = jax.lax.scan(add, (carry, zeros), part)
        parts.append(sums)
    sums = jax.tree.map(lambda *x: sum(x), *parts)
    whole = Seen(
        losses=sums.losses / count,
        valid=sums.valid > 0,
        extra=jax.tree.map(lambda s: s / count, sums.extra),
        gradient=jax.tree.map(lambda g, s: (g / count).astype(s.dtype), sums.gradient, shape.gradient),
        gram=jax.tree.map(lambda g: g / count**2, sums.gram),  # rows of other micro-batches are other rows
    )
    if not halves:
        return carry, whole, None
    sizes = [last - first for first, last in zip(bounds, bounds[1:])]
    apart = [
        jax.tree.map(lambda g, s, n=n: (g / n).astype(s.dtype), part.gradient, shape.gradient)
        for part, n in zip(parts, sizes)
    ]
    return carry, whole, apart


def _check(args: tuple, count: int) -> None:
    wrong = [jnp.shape(x) for x in jax.tree.leaves(args) if jnp.shape(x)[:1] != (count,)]
    if wrong:
        raise ValueError(
            f"with micro_batches={count} every argument needs a leading axis of that length; got {wrong[0]}"
        )
