"""Random loss weighting (Lin et al., TMLR 2022): the litmus test that every other strategy has to pass.

w = K softmax(x),  x ~ N(0, I) at every step
"""

from __future__ import annotations

import jax

from dmljax.weightings.interface import Weighting
from dmljax.weightings.parts import count, softmax

TRAITS = frozenset({"ordered"})


def build() -> Weighting:
    """Weights drawn at random at every step.

    DIFFERS from the original in that the weights sum to the number of tasks, as with the other strategies
    here, and not to 1.
    """

    def update(signals, state):
        drawn = jax.random.normal(signals.rng, signals.losses.shape)
        return count(signals.active) * softmax(drawn, signals.active), state, {}

    return Weighting(lambda tasks: (), update, frozenset({"rng"}))
