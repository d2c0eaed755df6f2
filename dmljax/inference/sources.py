"""Which photographs and films the arguments of a prediction name: files, and folders with all below them."""

from __future__ import annotations

import mimetypes
import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from dmljax.types import UserError

IMAGE, VIDEO = "image", "video"  # kinds of files, as MIME calls them


class Source(NamedTuple):
    """A file to be predicted.

    Attributes:
      name: as tables call it: the path as it was given, with '/' between folders.
      inside: the same below the folder that was given; of a file, its own name.
      kind: 'image' or 'video'.
    """

    name: str
    inside: str
    kind: str


def sources(places: Iterable[str | Path], *, apart: Path | None = None) -> list[Source]:
    """Files in the order of the arguments, each once; those of a folder by name.

    What is named itself is taken whatever its ending says, for an image if it says nothing; of a folder, what
    ends as images and films do. Hidden files and folders are left out.

    Args:
      apart: a folder that is left out of others, such as that of the predictions.

    Raises:
      UserError: there is no such file, a folder holds none or cannot be read, or nothing is named.
    """
    found: dict[str, Source] = {}
    for place in places:
        if not str(place).strip():
            raise UserError("a name is empty; give photographs, films or folders", parameter="photographs")
        path = Path(os.path.expanduser(place))
        if path.is_dir():
            inside = list(_below(path, apart))
            if not inside:
                raise UserError(f"no image or film lies in '{place}'", parameter="photographs")
        elif path.is_file():
            inside = [Source(path.as_posix(), path.name, kind(path) or IMAGE)]
        else:
            raise UserError(f"no file or folder at '{place}'", parameter="photographs")
        for source in inside:
            found.setdefault(os.path.abspath(source.name), source)
    if not found:
        raise UserError("give photographs, films or folders", parameter="photographs")
    return list(found.values())


def kind(path: Path) -> str:
    """'image' or 'video' by a file's ending, '' where it is neither."""
    suffix = path.suffix.lower()
    told = mimetypes.guess_type(f"file{suffix}")[0] or ""
    if not told.startswith((IMAGE, VIDEO)):
        told = Image.MIME.get(Image.registered_extensions().get(suffix, ""), "")
    return next((one for one in (IMAGE, VIDEO) if told.startswith(one)), "")


def _below(folder: Path, apart: Path | None) -> Iterable[Source]:
    left_out = None if apart is None else os.path.realpath(apart)
    for place, folders, files in os.walk(folder, onerror=_unreadable):
        if os.path.realpath(place) == left_out:
            folders.clear()
            continue
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(place, name)
            of_kind = "" if name.startswith(".") else kind(path)
            # a pipe would be waited for; a link to nothing is listed as what cannot be read
            if of_kind and (path.is_file() or not path.exists()):
                yield Source(path.as_posix(), path.relative_to(folder).as_posix(), of_kind)


def _unreadable(error: OSError) -> None:
    raise UserError(
        f"'{error.filename}' cannot be read: {error.strerror}; allow it, or name the folders beside it",
        parameter="photographs",
    )
