"""From an expression to action units: the field's prototypes, weakened, varied and made a person's own.

Prototypes after Ekman & Friesen's FACS as the literature combines them: anger 4+5+7+23, disgust 9+15+16,
fear 1+2+4+5+20+26, happiness 6+12, sadness 1+4+15, surprise 1+2+5+26; neutral: none.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

EXPRESSIONS = ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")
UNITS = (1, 2, 4, 5, 6, 7, 9, 10, 12, 15, 16, 17, 20, 23, 25, 26)

# Strength of each unit at the top level of an expression. 25, parted lips, goes with units that part them.
PROTOTYPES = {
    "anger": {4: 1.0, 5: 0.6, 7: 0.8, 23: 1.0},
    "disgust": {9: 1.0, 15: 0.55, 16: 0.7, 25: 0.5},
    "fear": {1: 0.9, 2: 0.55, 4: 0.55, 5: 1.0, 20: 1.0, 26: 0.40, 25: 0.5},
    "happiness": {6: 0.9, 12: 1.0, 25: 0.5},
    "neutral": {},
    "sadness": {1: 1.0, 4: 0.55, 15: 1.0},
    "surprise": {1: 1.0, 2: 1.0, 5: 0.9, 26: 1.0},
}


class Manner(NamedTuple):
    """How a person shows expressions, so that identity and expression are entangled as in people.

    Attributes:
      resting: float [U], units that are a little active in every picture (a resting brow, drooping corners).
      preferred: float [U], factors on the units.
      lopsided: float [U], -1..1: how much more the left side moves.
    """

    resting: np.ndarray
    preferred: np.ndarray
    lopsided: np.ndarray


def draw_manner(rng: np.random.Generator, difficulty: float) -> Manner:
    """A person's manner; at difficulty 0 everybody shows the prototype."""
    count = len(UNITS)
    seldom = rng.random(count) < 0.35
    return Manner(
        resting=0.55 * difficulty * seldom * rng.random(count),
        preferred=np.clip(1 + 0.45 * difficulty * rng.standard_normal(count), 0.35, 1.5),
        lopsided=0.25 * difficulty * rng.standard_normal(count).clip(-2, 2),
    )


def draw_action(
    rng: np.random.Generator, expression: str, manner: Manner, *, level: float, difficulty: float
) -> np.ndarray:
    """Strengths of the units in one picture, float [2, U]: the person's left side, then the right; 0 at rest,
    about 1 at the top.

    Args:
      level: intensity 0..1 of the expression.
      difficulty: 0..1, how often parts are missing and how much strengths vary.
    """
    prototype = np.array([PROTOTYPES[expression].get(unit, 0.0) for unit in UNITS])
    missing = rng.random(len(UNITS)) < 0.30 * difficulty
    varied = np.clip(1 + 0.25 * difficulty * rng.standard_normal(len(UNITS)), 0.3, 1.4)
    strength = prototype * level * manner.preferred * varied * ~missing
    stray = 0.25 * difficulty * (rng.random(len(UNITS)) < 0.2) * rng.random(len(UNITS))
    one_sided = 0.15 * difficulty * rng.standard_normal(len(UNITS)).clip(-2, 2)
    both = np.maximum(strength, manner.resting) + stray
    lean = manner.lopsided + one_sided
    return np.clip(np.stack([both * (1 + lean), both * (1 - lean)]), 0, 1.5)
