"""Dynamic weight average: a task whose loss falls slowly gets more weight."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from dmljax.weightings.interface import Weighting

MODES = ("block", "sliding")


class State(NamedTuple):
    """What two windows of losses come to.

    Attributes:
      history: the last 2 * window losses, float32 [2 W, K], newest last; 0 where not known.
      known: which of them held a valid sample, bool [2 W, K].
      steps: steps since the task became active, int32 [K].
      ratio: the ratio r_k in force, float32 [K].
      scale: running mean of the absolute losses, float32 [K].
      guard_hits: how often a ratio had to be guarded, int32.
    """

    history: jax.Array
    known: jax.Array
    steps: jax.Array
    ratio: jax.Array
    scale: jax.Array
    guard_hits: jax.Array


def build(
    *,
    total: float = 2.0,
    temperature: float = 2.0,
    window: int = 5,
    mode: str = "block",
    literal: bool = False,
    largest: float = 4.0,
    epsilon: float = 1e-3,
) -> Weighting:
    """Gives more weight to tasks whose losses fell less over two short windows.

    A softmax of the ratios of two windows' mean losses:

        r_k = L_k(t-1) / L_k(t-2)          L_k(.): means over `window` mini-batches
        w_k = total * exp(r_k / T) / sum_i exp(r_i / T)

    Liu et al., CVPR 2019, over epochs; over windows of five mini-batches eq. 8 of Liu, Dai, Fang, Chen,
    Huang, Wang and Wan, "Dynamic Multi-channel Metric Network for Joint Pose-aware and Identity-invariant
    Facial Expression Recognition", which calls `total` K. It is the sum of the weights and need not be the
    number of tasks.

    Weights at a step come from the losses before it. Until two windows of every active task are full, and
    where only one task is active, each active task has total / K, K being the number of tasks. A task that a
    phase leaves out has weight 0 and no part in the softmax, and starts its windows anew when it comes back;
    the others then share total * active / K. A window without a valid sample leaves the ratio as it was.

    DIFFERS: unlike the printed formula, unless `literal`, the means are kept from zero by `epsilon`, the
    ratio is clipped to `largest`, a negative mean counts as ratio 1, and aux 'guard_hits' counts these.

    Needs the losses alone. Cost: a forward pass and one pull-back, as with equal weights.

    Args:
      total: K of the paper, the sum of the weights, above 0.
      temperature: T of the paper, above 0; the higher, the more even the weights.
      window: mini-batches over which losses are averaged, at least 1.
      mode: 'block', new weights once a window is full, or 'sliding', at every step.
      literal: the printed formula, without a guard; a mean that rises from 0 then takes all the weight.
      largest: the largest guarded ratio, above 1.
      epsilon: added to both means, as a share of the task's running mean loss.

    Raises:
      ValueError: an unknown mode, or a field out of its range.

    Example:
      >>> import jax.numpy as jnp
      >>> from dmljax import weightings
      >>> strategy = weightings.dwa(window=1)
      >>> state = strategy.init(("depth", "normals"))
      >>> for losses in ([1.0, 1.0], [0.5, 1.0], [0.5, 1.0]):
      ...     weights, state, aux = strategy.update(weightings.Signals(jnp.array(losses)), state)
      >>> [round(float(w), 3) for w in weights]
      [0.876, 1.124]
    """
    if mode not in MODES:
        raise ValueError(f"mode must be block or sliding, got '{mode}'")
    for name, value, low in (
        ("total", total, 0),
        ("temperature", temperature, 0),
        ("window", window, 0),
        ("largest", largest, 1),
    ):
        if not value > low:
            raise ValueError(f"{name} must be above {low}, got {value}")

    def init(tasks):
        k = len(tasks)
        return State(
            jnp.zeros((2 * window, k)),
            jnp.zeros((2 * window, k), bool),
            jnp.zeros(k, jnp.int32),
            jnp.ones(k),
            jnp.zeros(k),
            jnp.int32(0),
        )

    def weights(state: State, active):
        share = total * active.sum().astype(jnp.float32) / active.shape[0]
        # Shifted by the largest one, which changes no weight, a large ratio cannot overflow.
        exponent = state.ratio / temperature
        exponent -= jnp.max(exponent, initial=-jnp.inf, where=active)
        exponential = jnp.where(active, jnp.exp(jnp.where(active, exponent, 0.0)), 0.0)
        ready = jnp.all((state.steps >= 2 * window) | ~active)
        uniform = jnp.where(active, total / active.shape[0], 0.0)
        # the shifted sum is at least 1 unless nothing is active
        dynamic = share * exponential / jnp.maximum(exponential.sum(), 1e-30)
        return jnp.where(ready, jnp.where(active, dynamic, 0.0), uniform)

    def push(signals, state: State) -> State:
        stays = signals.active & (state.steps > 0)
        counted = signals.active & signals.valid
        losses = jnp.where(counted, signals.losses, 0.0)
        seen = jnp.where(state.scale == 0, jnp.abs(losses), 0.9 * state.scale + 0.1 * jnp.abs(losses))
        return state._replace(
            history=jnp.concatenate([state.history[1:], losses[None]]),
            known=jnp.concatenate([state.known[1:] & stays[None], counted[None]]),
            steps=jnp.where(signals.active, state.steps + 1, 0),
            ratio=jnp.where(stays, state.ratio, 1.0),
            scale=jnp.where(counted, seen, state.scale),
        )

    def refresh(state: State) -> State:
        counts = state.known.reshape(2, window, -1).sum(1).astype(jnp.float32)
        sums = jnp.where(state.known, state.history, 0.0).reshape(2, window, -1).sum(1)
        before, last = sums / jnp.maximum(counts, 1)
        due = (state.steps >= 2 * window) & (counts > 0).all(0)
        if mode == "block":
            due &= state.steps % window == 0
        if literal:
            # a mean that rises from 0 has the largest ratio there is, one that stays 0 has ratio 1
            raw = jnp.nan_to_num(last / jnp.where(due, before, 1.0), nan=1.0)
            return state._replace(ratio=jnp.where(due, raw, state.ratio))
        small = epsilon * state.scale + jnp.finfo(jnp.float32).tiny
        negative = (before < 0) | (last < 0)
        raw = (jnp.abs(last) + small) / (jnp.abs(before) + small)
        guarded = jnp.where(negative, 1.0, jnp.minimum(raw, largest))
        hits = (due & (negative | (raw > largest))).sum().astype(jnp.int32)
        return state._replace(ratio=jnp.where(due, guarded, state.ratio), guard_hits=state.guard_hits + hits)

    def update(signals, state: State):
        new = refresh(push(signals, state))
        return weights(state, signals.active), new, {"guard_hits": new.guard_hits.astype(jnp.float32)}

    return Weighting(init, update)
