"""Dynamic task prioritisation: the focal loss's idea on tasks; hard ones come first."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from dmljax.weightings.interface import Weighting
from dmljax.weightings.parts import require

_CLOSE = 1e-3  # q stays so far from 0 and 1


class State(NamedTuple):
    """The tasks' progress.

    Attributes:
      progress: moving average of q_k, float32 [K].
      seen: whether there is one, bool [K].
    """

    progress: object
    seen: object


def build(*, gamma: float = 1.0, keep: float = 0.95) -> Weighting:
    """Gives more weight to tasks that make little progress.

    The progress q_k lies in 0..1 and is averaged over time:

        q_k <- keep q_k + (1 - keep) exp(-L_k)
        w_k = -(1 - q_k)^gamma log q_k

    Guo et al., ECCV 2018 (DTP).

    DIFFERS: the original measures progress by accuracies; exp(-L) is the geometric mean of the probabilities
    of the right classes for a cross-entropy, and serves the triplet loss as well.

    Needs the losses alone. Cost: a forward pass and one pull-back, as with equal weights.

    Args:
      gamma: how strongly easy tasks are held back, at least 0.
      keep: share of the former progress in the moving average, 0 <= keep < 1.

    Raises:
      ValueError: a field out of its range.

    Example:
      >>> import jax.numpy as jnp
      >>> from dmljax import weightings
      >>> strategy = weightings.dtp(gamma=0.0)  # no focus: -log q is the first loss itself
      >>> signals = weightings.Signals(jnp.array([1.0, 2.0]))
      >>> weights = strategy.update(signals, strategy.init(("depth", "normals")))[0]
      >>> [round(float(w), 3) for w in weights]
      [1.0, 2.0]
    """
    require(gamma=(gamma, gamma >= 0, "at least 0"), keep=(keep, 0 <= keep < 1, "from 0 to below 1"))

    def update(signals, state):
        known = signals.active & signals.valid
        now = jnp.exp(-jnp.maximum(signals.losses, 0))
        moved = jnp.where(state.seen, keep * state.progress + (1 - keep) * now, now)
        progress = jnp.where(known, moved, state.progress)
        q = jnp.clip(progress, _CLOSE, 1 - _CLOSE)
        weights = jnp.where(state.seen | known, -((1 - q) ** gamma) * jnp.log(q), 1.0)
        return jnp.where(signals.active, weights, 0.0), State(progress, state.seen | known), {}

    return Weighting(
        lambda tasks: State(jnp.zeros(len(tasks)), jnp.zeros(len(tasks), bool)),
        update,
        frozenset({"losses", "positive"}),
    )
