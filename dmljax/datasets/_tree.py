"""What lies below a folder: names relative to it, through links and zip archives."""

from __future__ import annotations

import os
import zipfile
from functools import lru_cache
from pathlib import Path

from dmljax.types import Skipped, UserError

TWICE = "the same photograph as another"  # the kind of a file whose image lies there twice
INSIDE = ".zip/"  # what stands between an archive and a name in it


def files(root: str, name: str, expected: str) -> tuple[list[str], list[Skipped]]:
    """(sorted names of all files below `root`, with '/' between folders; what was left out).

    Links are followed; one that leads back to a folder above it is left out. Files in a zip archive are named
    `folder/archive.zip/inner/name`.

    Args:
      name: of the dataset, for errors.
      expected: what should be there, for errors.

    Raises:
      UserError: there is no such folder.
    """
    base = Path(root)
    if not root or not base.is_dir():
        raise UserError(f"{name}: no folder at '{root}'; set dataset.root to {expected}")
    found, skipped, above = [], [], {}
    for folder, inner, names in os.walk(base, followlinks=True):
        real = os.path.realpath(folder)
        above[folder] = above.get(os.path.dirname(folder), frozenset()) | {real}
        for child in tuple(inner):
            if os.path.realpath(os.path.join(folder, child)) in above[folder]:
                inner.remove(child)
                skipped.append(
                    Skipped(_relative(base, folder, child), "a link that leads back to a folder above it")
                )
        for child in names:
            relative = _relative(base, folder, child)
            if not relative.isprintable():
                skipped.append(
                    Skipped(
                        relative.encode("utf-8", "backslashreplace").decode(),
                        "its name has characters that cannot be printed",
                    )
                )
            elif child.lower().endswith(".zip"):
                _add_archive(base, relative, found, skipped)
            else:
                found.append(relative)
    return sorted(found), skipped


def read(root: str, name: str) -> bytes:
    """The bytes of a file that `files` named."""
    outer, inside, inner = name.partition(INSIDE)
    if not inside:
        return (Path(root) / name).read_bytes()
    return _archive(str(Path(root) / (outer + INSIDE[:-1]))).read(inner)


def _relative(base: Path, folder: str, child: str) -> str:
    return (Path(folder) / child).relative_to(base).as_posix()


def _add_archive(base: Path, relative: str, found: list[str], skipped: list[Skipped]) -> None:
    try:
        found += [
            f"{relative}/{inner}"
            for inner in _archive(str(base / relative)).namelist()
            if not inner.endswith("/")
        ]
    except (OSError, zipfile.BadZipFile) as error:
        reason = f"cannot be read as a zip archive: {error}"
        skipped.append(Skipped(relative, reason, "cannot be read as a zip archive"))


@lru_cache(maxsize=64)
def _archive(path: str) -> zipfile.ZipFile:
    return zipfile.ZipFile(path)


def nothing(name: str, root: str, pattern: str, count: int, obtain: str, seen: list[str]) -> UserError:
    """The error of a folder that holds nothing of the set: what was looked for, what was found."""
    example = f", e.g. '{seen[0]}'" if seen else ""
    return UserError(
        f"{name}: no file named {pattern} below '{root}' ({count} other files{example}); set dataset.root to"
        f" the set's folder. {obtain}"
    )
