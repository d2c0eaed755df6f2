"""What lies below a folder: names relative to it, through links and zip archives."""

from __future__ import annotations

import os
import zipfile
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from dmljax.types import ROOT, Skipped, Unreadable, UserError

TWICE = "the same photograph as another"  # the kind of a file whose image lies there twice
INSIDE = ".zip/"  # what stands between an archive and a name in it
IMAGES = ("bmp", "gif", "jpeg", "jpg", "pgm", "png", "ppm", "tif", "tiff", "webp")
IMAGE = f"(?:{'|'.join(IMAGES)})"  # the same as a regular expression
LINKS = ("follow", "inside")  # what a loader's option `links` may be
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


def files(root: str, name: str, expected: str, *, links: str = "follow") -> tuple[list[str], list[Skipped]]:
    """(sorted names of all files below `root`, with '/' between folders; what was left out).

    Links are followed; one that leads back to a folder above it is left out. Files in a zip archive are named
    `folder/archive.zip/inner/name`.

    Args:
      name: of the dataset, for errors.
      expected: what should be there, for errors.
      links: 'follow' them wherever they lead, or leave out what leads outside `root` ('inside').

    Raises:
      UserError: there is no such folder, or an unknown value of `links`.
    """
    check_links(name, links)
    if not root or not os.path.isdir(root):
        raise UserError(f"{name}: no folder at '{root}'; give {expected}", parameter=ROOT)
    found: list[str] = []
    skipped: list[Skipped] = []
    real = base = os.path.realpath(root)
    waiting = [("", real, frozenset({real}))]  # folders, what they are without links, and what is above them
    while waiting:
        folder, real, above = waiting.pop()
        try:
            with os.scandir(os.path.join(root, folder)) as entries:
                children = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            skipped.append(Skipped(folder or ".", f"a folder that cannot be opened ({error.strerror})"))
            continue
        for child in children:
            relative = f"{folder}/{child.name}" if folder else child.name
            kind, reason = _kind(child, relative)
            if reason:
                skipped.append(Skipped(_printable(relative), reason))
            elif links == "inside" and child.is_symlink() and not is_inside(child.path, base):
                skipped.append(Skipped(relative, outside(name)))
            elif kind == "folder":
                inner = os.path.realpath(child.path) if child.is_symlink() else os.path.join(real, child.name)
                if inner in above:
                    skipped.append(Skipped(relative, "a link that leads back to a folder above it"))
                else:
                    waiting.append((relative, inner, above | {inner}))
            elif child.name.lower().endswith(".zip"):
                _add_archive(root, relative, found, skipped)
            else:
                found.append(relative)
    return sorted(found), skipped


def check_links(name: str, links: str) -> None:
    """Raises UserError unless it is one of `LINKS`; `name`: of the dataset."""
    if links not in LINKS:
        raise UserError(f"{name}: links must be one of {', '.join(LINKS)}, got '{links}'")


def is_inside(path: str | Path, base: str) -> bool:
    """Whether what a path leads to lies in the folder `base`, whose own path has no links."""
    return os.path.commonpath([os.path.realpath(path), base]) == base


def outside(name: str) -> str:
    """Why a link that leads outside is left out; `name`: of the dataset."""
    return f"a link that leads outside the set's folder ({name}.links=inside)"


def _kind(child: os.DirEntry, relative: str) -> tuple[str, str]:
    """('folder' or 'file', why it cannot be used, or '')."""
    if not relative.isprintable():
        return "", "its name has characters that cannot be printed"
    if child.name.startswith("._") or child.name == "__MACOSX":
        return "", "what macOS keeps beside a file, no image"
    try:
        if child.is_dir():
            return "folder", ""
        if child.is_file():
            return "file", ""
    except OSError as error:
        return "", f"a link that cannot be followed ({error.strerror})"
    broken = child.is_symlink() and not os.path.exists(child.path)
    return "", "a link to nothing" if broken else "neither a file nor a folder (a pipe, socket or device)"


def _printable(name: str) -> str:
    return name if name.isprintable() else name.encode("unicode_escape").decode()


def read(root: str, name: str) -> bytes:
    """The bytes of a file that `files` named.

    Raises:
      OSError: it cannot be read any more.
      Unreadable: it is damaged in its archive.
    """
    outer, inside, inner = name.partition(INSIDE)
    if not inside:
        return (Path(root) / name).read_bytes()
    try:
        archive = _archive(os.path.join(root, outer + INSIDE[:-1]))
        return archive.file.read(archive.members[inner])
    except (FileNotFoundError, PermissionError):
        raise
    except Exception as error:  # a damaged archive makes its parsers raise whatever they stumble on
        raise Unreadable(
            f"is damaged in its zip archive ({error})", "is damaged in its zip archive"
        ) from None


def is_image(name: str) -> bool:
    """Whether the name ends as an image's does."""
    return name.rpartition(".")[2].lower() in IMAGES


def _add_archive(root: str, relative: str, found: list[str], skipped: list[Skipped]) -> None:
    try:
        members = _archive(os.path.join(root, relative)).members
    except Exception as error:  # as in `read`
        reason = f"cannot be read as a zip archive: {error}"
        skipped.append(Skipped(relative, reason, "cannot be read as a zip archive"))
        return
    for inner, member in members.items():
        name, folders = f"{relative}/{inner}", inner.split("/")
        if member.flag_bits & 1:
            skipped.append(Skipped(name, "is locked by a password; unpack its archive"))
        elif member.compress_type not in _COMPRESSIONS:
            method = zipfile.compressor_names.get(member.compress_type, member.compress_type)
            skipped.append(
                Skipped(name, f"is packed by a method that Python has not ({method}); unpack its archive")
            )
        elif not name.isprintable():
            skipped.append(Skipped(_printable(name), "its name has characters that cannot be printed"))
        elif folders[-1].startswith("._") or "__MACOSX" in folders:
            skipped.append(Skipped(name, "what macOS keeps beside a file, no image"))
        else:
            found.append(name)


class _Archive(NamedTuple):
    """An open zip archive and its files by name, with '/' between folders whatever it was packed with."""

    file: zipfile.ZipFile
    members: dict[str, zipfile.ZipInfo]


@lru_cache(maxsize=64)
def _archive(path: str) -> _Archive:
    archive = zipfile.ZipFile(path)
    names = ((member.filename.replace("\\", "/"), member) for member in archive.infolist())
    return _Archive(archive, {name: member for name, member in names if not name.endswith("/")})
