"""Where files lie that can be made or fetched again."""

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
    cache = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))
    if not cache.is_absolute():
        raise UserError(f"this user has no home folder; set DMLJAX_CACHE to a folder for {holds}")
    return cache / "dmljax"
