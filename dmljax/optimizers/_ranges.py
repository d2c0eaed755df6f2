"""The check of an optimizer's options."""

from __future__ import annotations


def shares(**options: float) -> None:
    """Raises ValueError for an option that is not at least 0 and below 1."""
    for name, value in options.items():
        if not 0 <= value < 1:
            raise ValueError(f"{name} must be at least 0 and below 1; got {value}")


def least(bound: float, **options: float) -> None:
    """Raises ValueError for an option that is below the bound."""
    for name, value in options.items():
        if not value >= bound:
            raise ValueError(f"{name} must be at least {bound:g}; got {value}")
