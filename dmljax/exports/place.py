"""Where an export goes: a file or a folder that is whole or not there, and never over another one unasked."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from dmljax import writing
from dmljax.types import UserError

CARD = ".md"  # behind the name of what it describes


def card_of(path: Path) -> Path:
    """Where the card of an export lies."""
    return path.with_name(path.name + CARD)


def check_free(path: Path, *, folder: bool, overwrite: bool) -> None:
    """Raises UserError where something lies that is not to be overwritten, or is of another kind."""
    if path.exists() and path.is_dir() != folder:
        kind = "a file, and a folder" if folder else "a folder, and a file"
        raise UserError(f"'{path}' is {kind} is to be written there; give another name", parameter="out")
    if overwrite:
        return
    if there := [str(one) for one in (path, card_of(path)) if one.exists()]:
        raise UserError(f"'{there[0]}' is there already; give another name with out, or set overwrite")


@contextlib.contextmanager
def whole(path: Path, *, folder: bool) -> Iterator[Path]:
    """A path to write to; what lies there takes the place of `path` where the block ends without an error."""
    if not folder:
        with writing.whole(path) as part:
            yield part
        return
    part, old = (path.with_name(f".{path.name}.{os.getpid()}.{kind}") for kind in ("part", "old"))
    try:
        yield part
        if path.exists():
            path.rename(old)
        try:
            part.rename(path)
        except BaseException:
            if old.exists():
                old.rename(path)
            raise
    finally:
        for rest in (part, old):
            shutil.rmtree(rest, ignore_errors=True)


def size(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    return sum(
        file.stat().st_size for file in ([path] if path.is_file() else path.rglob("*")) if file.is_file()
    )
