"""Tables that people write and read: cells without a value, spellings of one name, formulas, markup."""

from __future__ import annotations

import math
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

# What programs write into a cell without a value; compared in lower case.
NOTHING = frozenset(("", "nan", "-nan", "none", "null", "na", "n/a", "#n/a", "#na", "<na>"))

# What a spreadsheet takes for a formula, and the quotation marks that may stand before it already.
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_NUMBERS = re.compile(r"[+-][\d\s.,%±()e–-]*")  # a sign and numbers compute nothing
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+")
# Inside of a word an underscore is none.
_MARKUP = re.compile(r"([\\`*\[\]<>|~]|(?<!\w)_|_(?!\w))")


SEPARATORS = ",;\t"  # where a comma is the decimal sign, spreadsheets write semicolons between cells


def separator(file: TextIO) -> str:
    """What stands between the cells of a table, by its first line: comma, semicolon or tab.

    Args:
      file: at its beginning, where it is left.
    """
    head = file.readline()
    file.seek(0)
    return max(SEPARATORS, key=head.count)


def with_point(cell: str, mark: str) -> str:
    """A number with a decimal comma as one with a point, where no comma stands between the cells."""
    return cell.replace(",", ".") if mark != "," and _DECIMAL_COMMA.fullmatch(cell) else cell


def columns(names: Iterable[str]) -> str:
    """'the column a', or 'the columns a, b and c'."""
    *most, last = names
    return f"the columns {', '.join(most)} and {last}" if most else f"the column {last}"


def files(place: str | Path) -> list[Path]:
    """A table's file; of a folder of tables, all CSV files in it by name."""
    path = Path(place)
    # not is_dir, which raises of a name that no disk can hold
    return sorted(path.glob("*.csv")) if os.path.isdir(path) else [path]


def is_missing(cell: str) -> bool:
    """Whether a cell says that there is no value."""
    return cell.strip().lower() in NOTHING


def number(cell: str) -> float:
    """The finite number that a cell holds, or nan."""
    try:
        value = float(cell.strip().replace("\N{MINUS SIGN}", "-"))
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def same(cell: str, *, numeric: bool = False) -> str:
    """What is equal for two spellings of one name: upper and lower case, composed and decomposed accents.

    With `numeric`, also those of one number, such as -45 and -45.0.
    """
    value = number(cell) if numeric else math.nan
    if not math.isnan(value):
        return f"{value + 0.0:g}"  # -0 is 0
    return unicodedata.normalize("NFC", cell.strip()).casefold()


def spellings(cells: Iterable[str], *, numeric: bool = False) -> tuple[dict[str, str], list[list[str]]]:
    """One name for all spellings of it.

    A name with one spelling keeps it. Of several the most frequent is taken; of a number the shortest.

    Returns:
      cell -> name, for all cells that are not missing; and the spellings of each name that has several.
    """
    groups: dict[str, dict[str, int]] = {}
    for cell, count in Counter(cells).items():
        if not is_missing(cell):
            groups.setdefault(same(cell, numeric=numeric), {})[cell] = count
    names: dict[str, str] = {}
    several: list[list[str]] = []
    for key, counts in groups.items():
        name = min(counts, key=lambda cell: (-counts[cell], cell))
        if len(counts) > 1:
            several.append(sorted(counts))
            if numeric and not math.isnan(number(name)):
                name = key
        names |= dict.fromkeys(counts, name)
    return names, several


def quoted(cell: str) -> str:
    """A cell as it is written, so that no spreadsheet takes it for a formula; numbers stay as they are."""
    return f"'{cell}" if _FORMULA.match(cell) and not _NUMBERS.fullmatch(cell) else cell


def unquoted(cell: str) -> str:
    """What `quoted` was given."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def markdown(cell: str) -> str:
    """A cell of a Markdown table in which nothing is markup."""
    return _MARKUP.sub(r"\\\1", cell).replace("\r", " ").replace("\n", " ")
