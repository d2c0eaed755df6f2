"""A CSV manifest as rows: its columns, its empty lines, and where the files that it names lie."""

from __future__ import annotations

import csv
import os
import unicodedata
from functools import lru_cache
from pathlib import Path

from dmljax.datasets import _tree
from dmljax.types import Skipped, UserError

REQUIRED = ("path", "expression")
OPTIONAL = ("pose", "identity", "split")
LINE, FILE = "line", "file"  # what a row has besides its columns: its line, and its file as it is on disk
OUTSIDE = "a link that leads outside the manifest's folder (folder.links=inside)"


def rows(path: Path, *, inside: bool) -> tuple[list[dict], list[Skipped], list[str]]:
    """(rows with the columns, `LINE` and `FILE`; rows that were left out; images that no row names).

    Args:
      inside: leave out links that lead outside the manifest's folder.

    Raises:
      UserError: it cannot be read, lacks a column, names a file twice or outside its folder, or no row has a
        file.
    """
    table = _table(path)
    disk, found, skipped, seen = _Disk(path.parent), [], [], {}
    for line, row in table:
        name = row["path"]
        if not name:
            raise UserError(f"folder: '{path}' line {line} has no path")
        plain = os.path.normpath(name.replace("\\", "/") if "/" not in name else name)
        if os.path.isabs(plain) or plain.split("/")[0] == "..":
            raise UserError(f"folder: '{path}' line {line}: '{name}' lies outside the manifest's folder")
        key = unicodedata.normalize("NFC", plain)
        if key in seen:
            raise UserError(f"folder: '{path}' line {line}: '{name}' stands already in line {seen[key]}")
        seen[key] = line
        file, reason = disk.find(plain)
        if not reason and inside and not disk.is_inside(file):
            reason = OUTSIDE
        if reason:
            shown = name if name.isprintable() else name.encode("unicode_escape").decode()
            skipped.append(Skipped(shown, reason, reason.partition(" (")[0] if " (" in reason else ""))
        else:
            found.append({**row, LINE: line, FILE: file})
    if not found:
        first = f"; the first, '{skipped[0].reference}': {skipped[0].reason}" if skipped else ""
        raise UserError(f"folder: none of the {len(table)} lines of '{path}' names a file that exists{first}")
    return found, skipped, disk.others({row[FILE] for row in found})


def _table(path: Path) -> list[tuple[int, dict]]:
    """(line number, cells without spaces around them); lines without any content are no lines."""
    if path.exists() and not path.is_file():
        raise UserError(f"folder: the manifest '{path}' is no file but a folder, pipe or device")
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            head = file.readline()
            file.seek(0)
            marks = {mark: head.count(mark) for mark in ",;\t"}
            reader = csv.reader(file, delimiter=max(marks, key=lambda mark: marks[mark]))
            lines = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    except FileNotFoundError:
        raise UserError(
            f"folder: no manifest '{path}'; write a CSV with the columns {', '.join(REQUIRED + OPTIONAL)}"
        ) from None
    except (OSError, ValueError, csv.Error) as error:
        raise UserError(f"folder: '{path}' cannot be read as CSV in UTF-8: {error}") from None
    columns = [name.lower() for name in lines[0][1]] if lines else []
    if missing := [column for column in REQUIRED if column not in columns]:
        raise UserError(
            f"folder: '{path}' lacks the column {', '.join(missing)}; its header has"
            f" {', '.join(columns) or 'nothing'}"
        )
    place = {column: columns.index(column) for column in REQUIRED + OPTIONAL if column in columns}
    if twice := [column for column in place if columns.count(column) > 1]:
        raise UserError(f"folder: '{path}' has the column {twice[0]} twice")
    table = []
    for line, cells in lines[1:]:
        if any(cells[len(columns) :]):
            raise UserError(
                f"folder: '{path}' line {line} has {len(cells)} cells, and the header has {len(columns)}; put"
                " a cell with a comma into quotation marks"
            )
        if any(cells):
            cells += [""] * (len(columns) - len(cells))
            row = dict.fromkeys(REQUIRED + OPTIONAL, "")
            table.append((line, row | {column: cells[k] for column, k in place.items()}))
    return table


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
        folder, _, last = name.rpartition("/")
        actual, reason = self._folder(folder)
        if reason:
            return "", reason
        spelled, kind = self._entry(actual, last)
        if kind != "file":
            return "", kind
        return f"{actual}/{spelled}" if actual else spelled, ""

    def is_inside(self, file: str) -> bool:
        """Whether a file lies in the folder when links are followed."""
        real = os.path.realpath(self._base / file)
        return os.path.commonpath([real, self._real]) == self._real

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
        above, _, last = folder.rpartition("/")
        actual, reason = self._folder(above)
        if reason:
            return "", reason
        spelled, kind = self._entry(actual, last)
        if kind != "is a folder":
            return "", "no such file"
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
