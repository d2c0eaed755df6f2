"""Labels added to a set: pose and identity from a CSV, estimated and corrected by hand.

Columns: reference, pose, identity; `pose_confidence`, `identity_confidence` and others are for people. A cell
that is empty, or `nan`, `None` or `N/A`, leaves the label as the set has it. A pose whose name is a number is
a yaw in degrees; several spellings of one name are one class.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from dmljax import tables, writing
from dmljax.types import IDENTITY, MISSING, POSE, Samples, UserError, nearest

REQUIRED = ("reference", "pose", "identity")
COLUMNS = ("reference", "expression", "pose", "pose_confidence", "identity", "identity_confidence")


def write(path: Path, rows: list[dict]) -> None:
    """Writes rows with the keys `COLUMNS`."""
    writing.table(path, [COLUMNS, *([row[column] for column in COLUMNS] for row in rows)])


def apply(samples: Samples, path: str) -> Samples:
    """The samples with the labels of a CSV.

    Raises:
      UserError: it cannot be read, lacks a column, or names an image that the set does not have.
    """
    rows = _rows(path)
    number = {reference: k for k, reference in enumerate(samples.references)}
    left_out = {skipped.reference for skipped in samples.skipped}
    unknown = [name for name in rows if name not in number and name not in left_out]
    if unknown:
        raise UserError(
            f"dataset.labels: '{path}' names {len(unknown)} images that {samples.name} does not have, e.g."
            f" '{unknown[0]}'.{nearest(unknown[0], number)}"
        )
    rows = {number[name]: row for name, row in rows.items() if name in number}
    pose, pose_names, poses = _relabel(
        samples.pose, samples.pose_names, {k: row["pose"] for k, row in rows.items()}, numeric=True
    )
    identity, identity_names, people = _relabel(
        samples.identity, samples.identity_names, {k: row["identity"] for k, row in rows.items()}
    )
    known = dict(zip(samples.pose_names, samples.pose_yaw))
    yaw = tuple(known[name] if name in known else tables.number(name) for name in pose_names)
    mirror = tuple(
        (
            samples.pose_mirror[k]
            if k < len(samples.pose_mirror) and samples.pose_mirror[k] != MISSING
            else next((other for other, angle in enumerate(yaw) if angle == -yaw[k]), MISSING)
        )
        for k in range(len(yaw))
    )
    notes = tuple(
        f"dataset.labels: taken as one {column}: {', '.join(map(repr, spelled))}"
        for column, several in ((POSE, poses), (IDENTITY, people))
        for spelled in several
    )
    return samples.replace(
        notes=samples.notes + notes,
        pose=pose,
        pose_names=pose_names,
        pose_yaw=yaw,
        pose_mirror=mirror,
        identity=identity,
        identity_names=identity_names,
    )


def _relabel(
    codes: np.ndarray, names: tuple[str, ...], given: dict[int, str], *, numeric: bool = False
) -> tuple[np.ndarray, tuple[str, ...], list[list[str]]]:
    """(codes, names, spellings that were taken as one) with the given names; new ones come after those that
    are there, by number and then by name.
    """
    there = {tables.same(name, numeric=numeric): name for name in names}
    name_of, several = tables.spellings(given.values(), numeric=numeric)
    name_of = {cell: there.get(tables.same(cell, numeric=numeric), name) for cell, name in name_of.items()}
    new = sorted(
        set(name_of.values()) - set(names),
        key=lambda name: (np.isnan(tables.number(name)), np.nan_to_num(tables.number(name)), name),
    )
    names = names + tuple(new)
    number = {name: k for k, name in enumerate(names)}
    codes = codes.copy()
    for k, cell in given.items():
        if cell in name_of:
            codes[k] = number[name_of[cell]]
    return codes, names, several


def _rows(path: str) -> dict[str, dict]:
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            separator = tables.separator(file)
            reader = csv.DictReader(file, restval="", delimiter=separator)
            columns = reader.fieldnames or []
            if lacking := [column for column in REQUIRED if column not in columns]:
                raise UserError(
                    f"dataset.labels: '{path}' lacks {tables.columns(lacking)}; its header has"
                    f" {', '.join(columns) or 'nothing'}"
                )
            rows = [
                {key: tables.unquoted(value.strip()) for key, value in row.items() if isinstance(value, str)}
                for row in reader
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"dataset.labels: '{path}' cannot be read as CSV: {error}") from None
    found: dict[str, dict] = {}
    for row in rows:
        row[POSE] = tables.with_point(row[POSE], separator)
        if not any(row.values()):
            continue  # a spreadsheet's empty line
        if row["reference"] in found:
            raise UserError(f"dataset.labels: '{path}' names '{row['reference']}' twice")
        found[row["reference"]] = row
    return found
