"""Boxes of faces from tables: those of a pose class, or of each image, as several programs write them."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

from dmljax import tables
from dmljax.types import Samples, UserError

EDGES = ("left", "top", "right", "bottom")
PYFEAT = ("FaceRectX", "FaceRectY", "FaceRectWidth", "FaceRectHeight")
NAMES = ("path", "reference", "input", "filename", "file")  # columns that may hold an image's name


def of_views(samples: Samples, table: str) -> np.ndarray:
    rows = _rows(table, "crop.rule=views")
    columns = rows[0].keys()
    if not {"pose", *EDGES} <= columns:
        raise UserError(
            f"'{table}' must have the columns pose, {', '.join(EDGES)}; its header has {', '.join(columns)}"
        )
    boxes = {row["pose"]: _corners(row, table) for row in rows}
    if empty := [
        pose for pose, (left, top, right, bottom) in boxes.items() if left == right or top == bottom
    ]:
        raise UserError(f"'{table}': the box of the pose {empty[0]} has no area")
    same = {tables.same(pose, numeric=True): box for pose, box in boxes.items()}
    boxes = {
        name: same[key] for name in samples.pose_names if (key := tables.same(name, numeric=True)) in same
    }
    lacking = [
        name for k, name in enumerate(samples.pose_names) if name not in boxes and (samples.pose == k).any()
    ]
    if lacking or (samples.pose < 0).any():
        what = lacking[0] if lacking else "of images whose pose is not known"
        raise UserError(f"'{table}' has no box for the pose {what}; its poses are {', '.join(same)}")
    order = [boxes.get(name, (0, 0, 1, 1)) for name in samples.pose_names]
    return np.array(order).round().astype(np.int32)[samples.pose]


def from_table(samples: Samples, table: str):
    """A function of a sample's number that gives its face, the surest of several, else the largest; or None.

    Raises:
      UserError: there is no table, or it cannot be read.
    """
    every = of_references(samples.references, table)
    return lambda k: next(iter(every(k)), None)


def of_references(references: Sequence[str], table: str) -> Callable[[int], list[tuple[float, ...]]]:
    """A function of a reference's number that gives all its faces, the surest first, else the largest.

    Raises:
      UserError: there is no table, or it cannot be read.
    """
    if not table:
        raise UserError(
            "crop.rule=boxes reads its boxes from crop.table, a CSV file or a folder of them; set it"
        )
    faces = _faces(table, _state(table))
    names = [_names(reference) for reference in references]
    times = Counter(name for several in names for name in several)

    def find(k: int) -> list[tuple[float, ...]]:
        exact, *shorter = names[k]
        keys = (exact, *(key for key in shorter if times[key] == 1))
        return next((faces[key] for key in keys if key in faces), [])

    return find


def _names(reference: str) -> tuple[str, ...]:
    """What a table may call an image: its reference, with its set or without, its last part, with its ending
    or without.
    """
    alone = reference.partition(":")[2]  # a joined set's references begin with the set
    last = (alone or reference).rpartition("/")[2]
    return tuple(dict.fromkeys(filter(None, (reference, alone, last, last.rpartition(".")[0]))))


def _state(table: str) -> tuple:
    """What tells a table that was edited from one that was read before."""
    stats = [(str(path), path.stat()) for path in tables.files(table) if path.exists()]
    return tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)


@lru_cache(maxsize=4)
def _faces(table: str, _: tuple) -> dict[str, list[tuple[float, ...]]]:
    """name -> boxes. Under the name as it stands, and under its last part where no other image has that; of
    several faces in an image the surest first, else the largest.
    """
    ranked: dict[str, list[tuple]] = {}
    for path in tables.files(table):
        for row in _rows(str(path), "crop.rule=boxes"):
            name = next((row[column] for column in NAMES if row.get(column)), path.stem).replace("\\", "/")
            box = _box(row, str(path))
            if box is None:
                continue
            rank = (
                _number(row.get("FaceScore") or row.get("confidence") or "0", str(path)),
                (box[2] - box[0]) * (box[3] - box[1]),
            )
            ranked.setdefault(name, []).append((rank, box))
    if not ranked:
        raise UserError(f"crop.table: no box in '{table}'")
    found = {
        name: [box for _, box in sorted(several, key=lambda one: one[0], reverse=True)]
        for name, several in ranked.items()
    }
    last = Counter(name.rpartition("/")[2] for name in found)
    short = {name: name.rpartition("/")[2] for name in found}
    return {short[name]: boxes for name, boxes in found.items() if last[short[name]] == 1} | found


def _box(row: dict, path: str) -> tuple[float, ...] | None:
    """The box of one line of any of the three kinds of table; None for a line in which no face was found."""
    if set(EDGES) <= row.keys():
        return _corners(row, path) if row["left"] else None
    if set(PYFEAT) <= row.keys():
        if tables.is_missing(row[PYFEAT[0]]):
            return None
        x, y, width, height = _numbers(row, PYFEAT, path)
        return x, y, x + width, y + height
    points = [key for key in row if key.startswith("x_") and key[2:].isdigit()]
    if points and all(f"y_{key[2:]}" in row for key in points):
        if row.get("success") == "0":
            return None
        x, y = (_numbers(row, [axis + key[1:] for key in points], path) for axis in "xy")
        return min(x), min(y), max(x), max(y)
    raise UserError(
        f"'{path}' has neither the columns {', '.join(EDGES)}, nor py-feat's {', '.join(PYFEAT)}, nor"
        " OpenFace's x_0, y_0, ..."
    )


def _rows(path: str, field: str) -> list[dict]:
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            separator = tables.separator(file)
            lines = list(csv.DictReader(file, restkey="", restval="", delimiter=separator))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(
            f"{field} reads its boxes from crop.table, and '{path}' cannot be read: {error}"
        ) from None
    rows = [
        {
            key.strip(): tables.with_point(tables.unquoted(value.strip()), separator)
            for key, value in line.items()
            if isinstance(value, str)
        }
        for line in lines
        if any(value for value in line.values() if isinstance(value, str))
    ]
    if not rows:
        raise UserError(f"{field}: crop.table '{path}' has no lines")
    return rows


def _corners(row: dict, path: str) -> tuple[float, ...]:
    """The edges of a line, whichever two opposite corners it names."""
    left, top, right, bottom = _numbers(row, EDGES, path)
    return min(left, right), min(top, bottom), max(left, right), max(top, bottom)


def _numbers(row: dict, columns, path: str) -> tuple[float, ...]:
    return tuple(_number(row[column], path) for column in columns)


def _number(text: str, path: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = float("inf")
    if np.isinf(number):
        raise UserError(f"'{path}': '{text}' is no number")
    return number
