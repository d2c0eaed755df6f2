"""Where pictures are kept that were rendered once, and copies of runs in buckets."""

from __future__ import annotations

import os
from pathlib import Path

from dmljax.types import UserError


def default_folder(holds: str) -> Path:
    """$DMLJAX_CACHE, or the user's cache folder.

    Args:
      holds: what is kept there, a noun: 'rendered pictures'.

    Raises:
      UserError: it is not said where the user's home is.
    """
    if given := os.environ.get("DMLJAX_CACHE"):
        return Path(given)
    if (own := users()) is None:
        raise UserError(f"this user has no home folder; set DMLJAX_CACHE to a folder for {holds}")
    return own


def users() -> Path | None:
    """The user's cache folder for this package; None of one without a home."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))
    return folder / "dmljax" if folder.is_absolute() else None
