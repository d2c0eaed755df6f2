"""The paper's published numbers as data, its tables cell by cell, and how they are shown beside ours.

The files beside this one hold the cells as they are printed; '-' is not given. `index.csv` names the tables,
`text.csv` holds numbers that stand in the text, `notes.csv` what does not add up, `references.csv` the
paper's own list. Protocols differ between authors; so do pictures, people and sizes.
"""

from __future__ import annotations

import csv
import functools
import itertools
import math
from importlib import resources
from typing import NamedTuple

from dmljax.report import parts
from dmljax.tables import number

NOT_GIVEN, REFERENCE = "-", "reference"
BESIDE = "Published numbers are of other pictures, people and sizes: not comparable with ours."


class Table(NamedTuple):
    """A published table.

    Attributes:
      name: of its file, such as 'table2' or 'figure8_pose'.
      item: of `dmljax reproduce` that it belongs to.
      sets: what it was measured on.
      title: where it stands in the paper and what it holds.
      lines: its cells as printed, the header first. The first column names the rows; a column 'reference' is
        the number in the paper's list, empty for the paper's own.
    """

    name: str
    item: str
    sets: str
    title: str
    lines: tuple[tuple[str, ...], ...]

    def numbers(self, row: str) -> dict[str, float]:
        """Column -> number, of the first row of that name and where one is given.

        Args:
          row: such as 'DML-Net'; of another method with its reference, such as 'GAN [13]'.

        Raises:
          ValueError: there is no such row.
        """
        names = [self.label(line) for line in self.lines[1:]]
        if row not in names:
            raise ValueError(f"{self.name} has no row '{row}'; there are {', '.join(names)}")
        line = self.lines[1 + names.index(row)]
        cells = {column: number(cell) for column, cell in zip(self.lines[0][1:], line[1:])}
        return {
            column: value for column, value in cells.items() if column != REFERENCE and not math.isnan(value)
        }

    def label(self, line: tuple[str, ...]) -> str:
        """A row's name as the paper prints it, such as 'GAN [13]'."""
        cited = line[1] if self.lines[0][1] == REFERENCE else ""
        return f"{line[0]} [{cited}]" if cited else line[0]


class Reference(NamedTuple):
    """An entry of the paper's list of references."""

    first_author: str
    title: str
    year: int


class Said(NamedTuple):
    """A number that the paper gives in its text or abstract."""

    sets: str
    what: str
    value: str
    unit: str


class Here(NamedTuple):
    """A column of ours beside a published table: its header, and a cell for rows by their names there."""

    header: str
    cells: dict[str, str]


@functools.cache
def _rows(name: str) -> tuple[tuple[str, ...], ...]:
    file = resources.files(__name__) / f"{name}.csv"
    return tuple(map(tuple, csv.reader(file.read_text(encoding="utf-8").splitlines())))


@functools.cache
def tables() -> dict[str, Table]:
    """All published tables by name, in the paper's order."""
    return {name: Table(name, *rest, _rows(name)) for name, *rest in _rows("index")[1:]}


@functools.cache
def references() -> dict[int, Reference]:
    """The paper's references by number."""
    return {
        int(cited): Reference(author, title, int(year))
        for cited, author, title, year in _rows("references")[1:]
    }


def said(item: str) -> list[Said]:
    """The numbers of an item that stand in the paper's text or abstract."""
    return [Said(*rest) for items, *rest in _rows("text")[1:] if item in items.split()]


def notes(item: str) -> list[str]:
    """What does not add up in the paper's numbers of an item, or is easily misread."""
    return [note for items, note in _rows("notes")[1:] if item in items.split()]


def shown(item: str, here: Here | None = None) -> list[parts.Part]:
    """All that is published of an item: its tables whole, what the text says, and notes.

    Args:
      item: of `dmljax reproduce`, or 'table1'; one of which nothing is published gives an empty list.
      here: a column of ours; its cells stand in the first row of each name, all others are '-'.

    Example:
      >>> print(parts.terminal(shown("table4")).splitlines()[0])
      Published: Table 4, frontal faces by expression; KDEF
    """
    found: list[parts.Part] = [
        parts.Table(_lines(table, here), f"Published: {table.title}{table.sets and '; '}{table.sets}")
        for table in tables().values()
        if table.item == item
    ]
    for sets, numbers in itertools.groupby(said(item), key=lambda number: number.sets):
        quoted = ", ".join(f"{s.what} {s.value} {s.unit}" for s in numbers)
        found.append(parts.Text(f"The paper's text, {sets}: {quoted}."))
    return found + [parts.Text(note) for note in notes(item)]


def _lines(table: Table, here: Here | None) -> list[list[str]]:
    """The lines as they are shown: references with author and year, and ours as the last column."""
    header, *rows = map(list, table.lines)
    if here:
        ours = dict(here.cells)
        rows = [[*row, ours.pop(table.label(tuple(row)), NOT_GIVEN)] for row in rows]
        header = [*header, here.header]
    if header[1] == REFERENCE:
        header[1] = "whose"
        rows = [[method, _whose(cited), *cells] for method, cited, *cells in rows]
    return [header, *rows]


def _whose(cited: str) -> str:
    if not cited:
        return "the paper"
    reference = references()[int(cited)]
    return f"{reference.first_author} {reference.year} [{cited}]"
