"""Label spaces: one name for what sets call differently, so that they can be joined."""

from __future__ import annotations

from dmljax.types import MISSING, Samples

# Expressions that sets name differently. What is not here, such as scream or squint, keeps its own name.
EXPRESSIONS = {
    "anger": ("angry",),
    "contempt": ("contemptuous",),
    "disgust": ("disgusted",),
    "fear": ("afraid", "fearful", "scared"),
    "happiness": ("happy", "smile", "joy"),
    "neutral": ("calm",),
    "sadness": ("sad",),
    "surprise": ("surprised",),
}
_COMMON = {other: name for name, others in EXPRESSIONS.items() for other in (name, *others)}


def expression(name: str) -> str:
    """The common name of an expression."""
    return _COMMON.get(name.strip().lower(), name.strip().lower())


def pose(name: str, yaw: float) -> str:
    """The common name of a pose: its yaw in degrees, or the set's own name where it is no yaw."""
    return f"{yaw:g}" if yaw == yaw else name


def unmirrored(samples: Samples) -> tuple[str, ...]:
    """Names of the pose classes whose mirror image is no class of the set, such as poses that are words."""
    return tuple(name for name, other in zip(samples.pose_names, samples.pose_mirror) if other == MISSING)


def mapping(own: tuple[str, ...], common: tuple[str, ...]) -> list[int]:
    """For each of a set's classes, by common name, its number in the common list; `MISSING` without a
    counterpart. One more entry at the end maps an unknown label to itself.
    """
    return [common.index(name) if name in common else MISSING for name in own] + [MISSING]
