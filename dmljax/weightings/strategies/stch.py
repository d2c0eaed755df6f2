"""Smooth Tchebycheff scalarisation: a soft maximum over the tasks is minimised."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from dmljax.weightings.interface import Weighting
from dmljax.weightings.parts import count, require, softmax

FORMS = ("raw", "nadir")


class State(NamedTuple):
    """The sums that the nadir is a mean of.

    Attributes:
      total: sum of the valid losses during the warm-up, float32 [K].
      seen: how many there were, int32 [K].
      steps: how often the strategy was asked, int32.
    """

    total: object
    seen: object
    steps: object


def build(*, form: str = "nadir", mu: float = 1.0, warmup: int = 100) -> Weighting:
    """Minimises a soft maximum over the tasks' losses, in one of two published forms.

    With K the number of active tasks:

        raw:    minimise mu log sum_k exp(p L_k / mu)       ->  w_k = p softmax(p L / mu)_k,   p = 1 / K
        nadir:  the same of log(L_k / nadir_k), times K     ->  w_k = K softmax(log(L / nadir) / mu)_k / L_k

    Lin et al., ICML 2024 (STCH). Two libraries implement these two functions under one name: 'raw' is
    TorchJD's, 'nadir' is LibMTL's, which first trains by the sum of log losses.

    DIFFERS: in the nadir form LibMTL warms up for four epochs and averages the nadir over one more; here each
    loss is averaged over all steps of the warm-up.

    Needs the losses alone. Cost: a forward pass and one pull-back, as with equal weights.

    Args:
      form: 'raw' or 'nadir'.
      mu: how soft the maximum is, above 0; the smaller, the more the worst task counts.
      warmup: steps of the nadir form that train with log losses and average each loss for its nadir; at
        least 1.

    Raises:
      ValueError: an unknown form, or a field out of its range.

    Example:
      >>> import jax.numpy as jnp
      >>> from dmljax import weightings
      >>> strategy = weightings.stch(form="raw", mu=0.5)
      >>> signals = weightings.Signals(jnp.array([1.0, 2.0]))
      >>> weights = strategy.update(signals, strategy.init(("depth", "normals")))[0]
      >>> [round(float(w), 3) for w in weights]
      [0.134, 0.366]
    """
    if form not in FORMS:
        raise ValueError(f"form must be one of {', '.join(FORMS)}, got '{form}'")
    require(mu=(mu, mu > 0, "above 0"), warmup=(warmup, warmup > 0, "above 0"))

    def update(signals, state):
        known = signals.active & signals.valid
        share = 1 / count(signals.active)
        if form == "raw":
            weights = share * softmax(share * signals.losses / mu, known)
            return jnp.where(signals.active & ~known, share, weights), state, {}
        losses = jnp.maximum(signals.losses, 1e-6)
        warming = state.steps < warmup
        counted = known & (warming | (state.seen == 0))
        state = State(
            state.total + jnp.where(counted, losses, 0),
            state.seen + counted.astype(jnp.int32),
            state.steps + 1,
        )
        nadir = state.total / jnp.maximum(state.seen, 1).astype(losses.dtype)
        soft = (
            count(signals.active)
            * softmax(jnp.log(losses / jnp.where(nadir > 0, nadir, 1)) / mu, known)
            / losses
        )
        weights = jnp.where(warming, 1 / losses, soft)
        return jnp.where(known, weights, jnp.where(signals.active, 1.0, 0.0)), state, {}

    needs = frozenset({"losses"} if form == "raw" else {"losses", "positive"})
    return Weighting(
        lambda tasks: State(jnp.zeros(len(tasks)), jnp.zeros(len(tasks), jnp.int32), jnp.int32(0)),
        update,
        needs,
    )
