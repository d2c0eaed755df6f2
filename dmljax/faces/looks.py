"""Looks: a person's colours, hair and other appearance, drawn at random."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Look(NamedTuple):
    """How a person looks, the shape aside. Colours are linear albedo.

    Attributes:
      skin, hair, lips, iris, cloth: float [3].
      brow: (thickness, darkness); hairline: height of the hair's edge on the forehead; volume: thickness of
        the hair;
      sides: how far the hair covers the temples, 0..1; curl: its roughness; beard: darkness of the beard's
        shadow, 0..1;
      ears: (size, radians that they stand off); blush: redness of cheeks and nose; teeth: their whiteness.
        Lengths are in the unit of the embedded head, half the height of a head.
    """

    skin: np.ndarray
    hair: np.ndarray
    lips: np.ndarray
    iris: np.ndarray
    cloth: np.ndarray
    brow: tuple[float, float]
    hairline: float
    volume: float
    sides: float
    curl: float
    beard: float
    ears: tuple[float, float]
    blush: float
    teeth: float


_SKINS = np.array(
    [(0.66, 0.43, 0.33), (0.58, 0.36, 0.26), (0.47, 0.28, 0.19), (0.32, 0.18, 0.115), (0.17, 0.090, 0.058)]
)
_HAIRS = np.array(
    [
        (0.015, 0.012, 0.010),
        (0.05, 0.028, 0.018),
        (0.13, 0.07, 0.035),
        (0.36, 0.23, 0.10),
        (0.22, 0.07, 0.025),
        (0.38, 0.37, 0.36),
    ]
)
_IRISES = np.array(
    [(0.06, 0.03, 0.015), (0.13, 0.07, 0.03), (0.10, 0.14, 0.07), (0.12, 0.22, 0.36), (0.17, 0.20, 0.22)]
)


def draw_look(rng: np.random.Generator) -> Look:
    """A look at random."""
    tone = rng.uniform(0, len(_SKINS) - 1)
    low = int(min(tone, len(_SKINS) - 2))
    skin = (_SKINS[low] * (low + 1 - tone) + _SKINS[low + 1] * (tone - low)) * (
        1 + 0.06 * rng.standard_normal(3)
    ).clip(0.85, 1.15)
    hair = _HAIRS[rng.integers(len(_HAIRS))] * rng.uniform(0.7, 1.3)
    man = rng.random() < 0.5
    return Look(
        skin=skin,
        hair=hair if tone < 2.5 else np.minimum(hair, 0.06),
        lips=skin * np.array([0.90, 0.52, 0.52]) * rng.uniform(0.85, 1.1) + [0.02 if man else 0.06, 0, 0],
        iris=_IRISES[rng.integers(len(_IRISES))] if tone < 2 else _IRISES[rng.integers(2)],
        cloth=rng.uniform(0.03, 0.6, 3),
        brow=(rng.uniform(0.020, 0.036) if man else rng.uniform(0.014, 0.026), rng.uniform(0.55, 0.95)),
        hairline=rng.uniform(0.52, 0.78) if man else rng.uniform(0.48, 0.64),
        volume=rng.uniform(0.02, 0.10) if man else rng.uniform(0.06, 0.16),
        sides=rng.uniform(0.0, 0.5) if man else rng.uniform(0.3, 1.0),
        curl=rng.uniform(0.1, 1.0),
        beard=rng.uniform(0, 0.5) if man and rng.random() < 0.6 else 0.0,
        ears=(rng.uniform(0.88, 1.15), rng.uniform(0.15, 0.55)),
        blush=rng.uniform(0.0, 0.5),
        teeth=rng.uniform(0.8, 1.1),
    )


def bearded(look: Look, rng: np.random.Generator) -> Look:
    """The look with a full, dark beard."""
    return look._replace(beard=rng.uniform(0.6, 1.0), hair=np.minimum(look.hair, 0.04))
