"""A CSV manifest as rows: its columns, its empty lines, and where the files that it names lie."""

from __future__ import annotations

import csv
import os
import re
import unicodedata
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from dmljax import tables
from dmljax.datasets import _tree
from dmljax.types import ANGLE_NAMES, ROOT, Skipped, UserError

REQUIRED = ("path",)
LEARNT = ("expression", "pose", *ANGLE_NAMES)  # at least one of them is there
OPTIONAL = ("expression", "pose", "identity", "split", *ANGLE_NAMES)
DEEPEST = 100  # folders that a path may go through; they are looked for one inside the other
_UNUSUAL = re.compile(r"^/|//|\./|[./]$")  # paths that may not be in their shortest form


class Table(NamedTuple):
    """The lines of a manifest, column by column; of hundreds of thousands, a dict each would take its time.

    Attributes:
      columns: name -> the cells of each line, without spaces around them; '' where there is none.
      lines: the number of each line in the file.
      files: how each path is spelled on disk; '' before it was looked for.
    """

    columns: dict[str, list[str]]
    lines: list[int]
    files: list[str]

    def take(self, numbers: list[int]) -> Table:
        """These lines only."""
        return Table(
            {name: [cells[k] for k in numbers] for name, cells in self.columns.items()},
            [self.lines[k] for k in numbers],
            [self.files[k] for k in numbers],
        )


def rows(path: Path, *, inside: bool) -> tuple[Table, list[Skipped], list[str]]:
    """(lines whose file is there; lines that were left out; images that no line names).

    Args:
      inside: leave out links that lead outside the manifest's folder.

    Raises:
      UserError: it cannot be read, lacks a column, names a file twice or outside its folder, or no line has a
        file.
    """
    table = _table(path)
    disk, found, skipped, seen = _Disk(path.parent), [], [], {}
    for k, name in enumerate(table.columns["path"]):
        plain, line = _plain(name, path, table.lines[k]), table.lines[k]
        key = plain if plain.isascii() else unicodedata.normalize("NFC", plain)
        if seen.setdefault(key, line) != line:
            raise UserError(f"folder: '{path}' line {line}: '{name}' stands already in line {seen[key]}")
        table.files[k], reason = disk.find(plain)
        if not reason and inside and not disk.is_inside(table.files[k]):
            reason = _tree.outside("folder")
        if reason:
            shown = name if name.isprintable() else name.encode("unicode_escape").decode()
            kind = reason.partition(" (")[0] if " (" in reason else ""
            skipped.append(Skipped(shown, reason, kind))
        else:
            found.append(k)
    if not found:
        first = f"; the first, '{skipped[0].reference}': {skipped[0].reason}" if skipped else ""
        raise UserError(
            f"folder: none of the {len(table.lines)} lines of '{path}' names a file that exists{first}",
            parameter=ROOT,
        )
    kept = table.take(found)
    return kept, skipped, disk.others(set(kept.files))


def _plain(name: str, path: Path, line: int) -> str:
    """A path in its shortest form, with '/' between folders."""
    if not name:
        raise UserError(f"folder: '{path}' line {line} has no path")
    if "/" not in name:
        name = name.replace("\\", "/")
    if _UNUSUAL.search(name) is None:
        return name
    plain = os.path.normpath(name)
    if os.path.isabs(plain) or plain.split("/")[0] == "..":
        raise UserError(f"folder: '{path}' line {line}: '{name}' lies outside the manifest's folder")
    return plain


def _table(path: Path) -> Table:
    """The lines that have any content."""
    if os.path.exists(path) and not path.is_file():  # of a name that no disk can hold Path.exists raises
        raise UserError(f"folder: the manifest '{path}' is no file but a folder, pipe or device")
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            separator = tables.separator(file)
            reader = csv.reader(file, delimiter=separator)
            place, width = _places([cell.strip().lower() for cell in next(reader, [])], path)
            found = Table({name: [] for name in REQUIRED + OPTIONAL}, [], [])
            cells_of = [(found.columns[name], place.get(name)) for name in REQUIRED + OPTIONAL]
            for cells in reader:
                if len(cells) > width and any(map(str.strip, cells[width:])):
                    raise UserError(
                        f"folder: '{path}' line {reader.line_num} has {len(cells)} cells, and the header has"
                        f" {width}; put a cell with a comma into quotation marks"
                    )
                if not any(cells) or not any(map(str.strip, cells)):
                    continue  # a spreadsheet's empty line
                for column, k in cells_of:
                    column.append("" if k is None or k >= len(cells) else cells[k].strip())
                found.lines.append(reader.line_num)
    except FileNotFoundError:
        raise UserError(
            f"folder: no manifest '{path}'; write a CSV with the columns {', '.join(REQUIRED + OPTIONAL)}",
            parameter=ROOT,
        ) from None
    except UserError:
        raise
    except OSError as error:
        raise UserError(f"folder: '{path}' cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise UserError(f"folder: '{path}' is no text in UTF-8; save it as a CSV in UTF-8") from None
    except (ValueError, csv.Error) as error:
        raise UserError(f"folder: '{path}' cannot be read as CSV: {error}") from None
    found.files.extend([""] * len(found.lines))
    for name in ("pose", *ANGLE_NAMES):
        found.columns[name][:] = [tables.with_point(cell, separator) for cell in found.columns[name]]
    return found


def _places(header: list[str], path: Path) -> tuple[dict[str, int], int]:
    """(where each column stands, how many there are)."""
    if missing := [column for column in REQUIRED if column not in header]:
        raise UserError(
            f"folder: '{path}' lacks {tables.columns(missing)}; its header has"
            f" {', '.join(header) or 'nothing'}"
        )
    place = {column: header.index(column) for column in REQUIRED + OPTIONAL if column in header}
    if not set(LEARNT) & set(header):
        raise UserError(
            f"folder: '{path}' has neither expression nor pose nor angles, and nothing else is learnt; add a"
            f" column of one of the names {', '.join(LEARNT)}. Its header has {', '.join(header)}"
        )
    if twice := [column for column in place if header.count(column) > 1]:
        raise UserError(f"folder: '{path}' has the column {twice[0]} twice")
    return place, len(header)


class _Disk:
    """What lies below a folder, each folder of it listed once."""

    def __init__(self, base: Path):
        self._base, self._real = base, os.path.realpath(base)
        self._list = lru_cache(maxsize=None)(self._listing)
        self._folder = lru_cache(maxsize=None)(self._actual)

    def find(self, name: str) -> tuple[str, str]:
        """(the file as it is spelled on disk, '') or ('', why there is none)."""
        if not name.isprintable():
            return "", "its path has characters that cannot be printed"
        if name.count("/") > DEEPEST:
            return "", f"its path goes through more than {DEEPEST} folders"
        return self._spelled(name, "file")

    def is_inside(self, file: str) -> bool:
        """Whether a file lies in the folder when links are followed."""
        return _tree.is_inside(self._base / file, self._real)

    def others(self, used: set[str]) -> list[str]:
        """Images in the folders that were looked at, other than those."""
        folders = {file.rpartition("/")[0] for file in used}
        images = (
            f"{folder}/{name}" if folder else name
            for folder in sorted(folders)
            for name, kind in sorted(self._list(folder)[0].items())
            if kind == "file" and _tree.is_image(name)
        )
        return [image for image in images if image not in used]

    def _actual(self, folder: str) -> tuple[str, str]:
        """(a folder as it is spelled on disk, why it is none)."""
        if not folder:
            return "", ""
        spelled, reason = self._spelled(folder, "is a folder")
        return spelled, "no such file" if reason else ""

    def _spelled(self, path: str, wanted: str) -> tuple[str, str]:
        """(a path as it is spelled on disk, what it is where that is not what is wanted)."""
        above, _, last = path.rpartition("/")
        actual, reason = self._folder(above)
        if reason:
            return "", reason
        spelled, kind = self._entry(actual, last)
        if kind != wanted:
            return "", kind
        return f"{actual}/{spelled}" if actual else spelled, ""

    def _entry(self, folder: str, name: str) -> tuple[str, str]:
        """(a name as it is spelled in a folder, 'file' or what it is instead)."""
        entries, composed, lower, error = self._list(folder)
        if error:
            return "", error
        spelled = name if name in entries else composed.get(unicodedata.normalize("NFC", name), "")
        if spelled:
            return spelled, entries[spelled]
        alike = lower.get(name.casefold())
        return "", f"no such file (there is '{alike}')" if alike else "no such file"

    def _listing(self, folder: str) -> tuple[dict[str, str], dict[str, str], dict[str, str], str]:
        """(name -> what it is; by composed, and by lower-case spelling, the name; why there is no list)."""
        try:
            with os.scandir(self._base / folder) as entries:
                kinds = {entry.name: _kind(entry) for entry in entries}
        except OSError as error:
            return {}, {}, {}, f"its folder cannot be opened ({error.strerror})"
        composed = {unicodedata.normalize("NFC", name): name for name in kinds}
        return kinds, composed, {name.casefold(): name for name in kinds}, ""


def _kind(entry: os.DirEntry) -> str:
    """'file', or why it is none."""
    try:
        if entry.is_file():
            return "file"
        if entry.is_dir():
            return "is a folder"
    except OSError as error:
        return f"a link that cannot be followed ({error.strerror})"
    broken = entry.is_symlink() and not os.path.exists(entry.path)
    return "a link to nothing" if broken else "is a pipe, socket or device"
