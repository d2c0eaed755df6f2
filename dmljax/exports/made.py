"""What came of an export."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Export(NamedTuple):
    """What was written.

    Attributes:
      path, card: the file or folder, and the Markdown file beside it that describes it.
      size: bytes.
      differences: the largest one of each output to the run's own.
      runtime: what ran the file.
      pictures: on which pictures, in words.
    """

    path: Path
    card: Path
    size: int
    differences: dict[str, float]
    runtime: str
    pictures: str
