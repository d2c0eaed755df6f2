"""Files that are whole or not there: written beside their place, and moved to it when they are complete."""

from __future__ import annotations

import contextlib
import csv
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from dmljax.tables import quoted
from dmljax.types import UserError

PARTS = ".*.part"  # pattern of what a kill may leave


@contextlib.contextmanager
def whole(path: str | Path) -> Iterator[Path]:
    """A path to write to; its file takes the place of `path` where the block ends without an error.

    Raises:
      UserError: a folder lies there.
      OSError: it cannot be written; the error names the file.

    Example:
      >>> with whole(folder / "features.npz") as part:
      ...     np.savez(part.open("wb"), **arrays)
    """
    path = Path(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        if path.is_dir():
            raise UserError(f"'{path}' is a folder, and a file has to be written there; move the folder")
        part.replace(path)
    except OSError as error:
        error.filename = error.filename or str(path)  # a full disk does not say for what
        raise
    finally:
        part.unlink(missing_ok=True)


def text(path: str | Path, content: str) -> None:
    """Writes a text file, UTF-8."""
    with whole(path) as part:
        part.write_text(content, encoding="utf-8")


def as_json(path: str | Path, content, *, indent: int | None = 1) -> None:
    """Writes what JSON can hold, and a line's end."""
    text(path, json.dumps(content, indent=indent) + "\n")


def table(path: str | Path, rows: Iterable[Iterable]) -> None:
    """Writes a CSV file, UTF-8, of cells that no spreadsheet takes for formulas."""
    with whole(path) as part, open(part, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([quoted(str(cell)) for cell in row] for row in rows)
