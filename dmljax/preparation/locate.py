"""Where the faces are, once for a whole set: found, doubtful boxes replaced, written as a table.

For sets taken by a camera that stood still. There a face has its place: what lies far from all the others is
a neck or a picture on the wall. The table can be looked at, corrected by hand, and read where no detector is
installed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dmljax import writing
from dmljax.preparation import box_tables
from dmljax.types import Samples, UserError


class Boxes(NamedTuple):
    """A box for each image.

    Attributes:
      edges: float64 [N, 4]: left, top, right, bottom in the image's pixels.
      missed: bool [N]: no face was found; the box is the median of those found.
      doubtful: bool [N]: what was found lies too far from the others, or is too large or small; likewise the
        median.
    """

    edges: np.ndarray
    missed: np.ndarray
    doubtful: np.ndarray


class Searched(dict):
    """reference -> what was found there, kept in a file: a search that was stopped goes on where it was.

    The file's first line is `key`, what the finds depend on; what was found under another key is forgotten.
    """

    def __init__(self, path: str | Path, key: list):
        super().__init__()
        self._path, self._first = Path(path), json.dumps(key) + "\n"
        try:
            lines = (
                self._path.read_text(encoding="utf-8").splitlines(keepends=True)
                if self._path.exists()
                else []
            )
        except OSError as error:
            raise UserError(
                f"what was found before cannot be read from '{self._path}': {error.strerror or error}"
            ) from None
        self._begun = lines[:1] == [self._first]
        if self._begun:
            whole = [line for line in lines if line.endswith("\n")]  # the last one may have been cut off
            self.update((name, tuple(numbers)) for name, *numbers in map(json.loads, whole[1:]))
            self._write("".join(whole), "w")

    def __setitem__(self, name: str, numbers: tuple[float, ...]) -> None:
        super().__setitem__(name, numbers)
        line = json.dumps([name, *map(float, numbers)]) + "\n"
        self._write(line, "a") if self._begun else self._write(self._first + line, "w")
        self._begun = True

    def _write(self, text: str, mode: str) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with open(self._path, mode, encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise UserError(
                f"what is found cannot be written to '{self._path}': {error.strerror or error}"
            ) from None

    def forget(self) -> None:
        """Removes the file."""
        self._path.unlink(missing_ok=True)


def settle(found: np.ndarray, *, spread: float = 5.0) -> Boxes:
    """Replaces what was not found, or is not like the others, by the median box.

    A box is doubtful if its centre's x, its centre's y or its longer side is more than `spread` median
    absolute deviations from the median. For normal errors 5 of them are 3.4 standard deviations. A deviation
    counts as at least a twentieth of the median side.

    Args:
      found: float [N, 4], rows of NaN where no face was found.
      spread: from 0, which trusts every box, to 1000.

    Raises:
      UserError: no face was found at all, or `spread` is out of its range.
    """
    if not 0 <= spread <= 1000:
        raise UserError(f"spread must be from 0 (trust every box) to 1000, got {spread}")
    missed = np.isnan(found).any(1)
    if missed.all():
        raise UserError(
            f"a face was found in none of {len(found)} images; look at one, or choose another crop.rule"
        )
    centre = (found[:, :2] + found[:, 2:]) / 2
    measures = np.column_stack([centre, (found[:, 2:] - found[:, :2]).max(1)])
    usual = np.median(measures[~missed], 0)
    away = np.abs(measures - usual)
    deviation = np.maximum(np.median(away[~missed], 0), usual[2] / 20)
    with np.errstate(invalid="ignore"):  # comparisons with NaN are false, as they should be
        doubtful = (away > spread * deviation).any(1) if spread > 0 else np.zeros(len(found), bool)
    trusted = ~missed & ~doubtful
    median = np.median(found[trusted], 0)
    return Boxes(np.where(trusted[:, None], found, median), missed, doubtful)


def write(path: str | Path, samples: Samples, boxes: Boxes, rule: str) -> Path:
    """A CSV of path, left, top, right, bottom, found_by: the rule, or `median`.

    Raises:
      UserError: the file cannot be written.
    """
    path, replaced = Path(path), boxes.missed | boxes.doubtful
    rows = (
        (name, *(f"{edge:.1f}" for edge in edges), "median" if other else rule)
        for name, edges, other in zip(samples.references, boxes.edges, replaced)
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        writing.table(path, [("path", *box_tables.EDGES, "found_by"), *rows])
    except OSError as error:
        raise UserError(f"the boxes cannot be written to '{path}': {error.strerror or error}") from None
    return path
