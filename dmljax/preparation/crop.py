"""Where the face is in each image: one rule for a whole set, so that crops tell nothing of poses.

The set's own window, nothing, a box a view, boxes from a table (own, py-feat, OpenFace), or a detector. What
a rule finds no face in is counted for each pose and listed.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import MutableMapping
from functools import lru_cache
from pathlib import Path

import numpy as np
from tqdm import tqdm

from dmljax import plugins, tables
from dmljax.data.images import decode, raw
from dmljax.types import Samples, Skipped, UserError, nearest

NO_FACE = "no face found"  # the kind of what is skipped here
RULES = ("set", "none", "views", "boxes")
MISSED = ("skip", "whole")
EDGES = ("left", "top", "right", "bottom")
PYFEAT = ("FaceRectX", "FaceRectY", "FaceRectWidth", "FaceRectHeight")
NAMES = ("path", "reference", "input", "filename", "file")  # columns that may hold an image's name


def apply(
    samples: Samples,
    *,
    rule: str = "set",
    table: str = "",
    margin: float = 0.2,
    missed: str = "skip",
    side: int = 480,
    progress: bool = True,
) -> Samples:
    """The samples with a box each.

    Args:
      rule: 'set', the set's own window; 'none', the whole image; 'views', a box a pose from `table`; 'boxes',
        one an image from `table`; or a detector by name.
      table: for 'views' a CSV with the columns pose, left, top, right, bottom. For 'boxes' a CSV of path,
        left, top, right, bottom, or what py-feat writes (input, FaceRectX, ...), or a CSV or a folder of CSVs
        of OpenFace (x_0, y_0, ...).
      margin: added on each side of a table's or detector's box as a share of its longer side; the box is then
        made square.
      side: pixels of the longer side to which a detector scales an image before it searches it.
      missed: images without a face: 'skip' and list them, or take them 'whole'.

    Raises:
      UserError: an unknown rule, or a table that cannot be read.
    """
    if missed not in MISSED:
        raise UserError(f"crop.missed must be one of {', '.join(MISSED)}; got '{missed}'")
    if not 0 <= margin < 2:
        raise UserError(f"crop.margin must be from 0 to 2, got {margin}")
    _check(rule, side)
    if rule == "set":
        return samples
    if rule == "none":
        return samples.replace(boxes=None)
    if rule == "views":
        return samples.replace(boxes=_of_views(samples, table))
    faces, sizes = find(samples, rule, table=table, side=side, progress=progress)
    boxes, lost = np.zeros((len(samples), 4), np.int32), []
    for k, (face, (width, height)) in enumerate(zip(faces, sizes)):
        if not width:
            continue  # reading it will say why
        if np.isnan(face).any() or _outside(face, width, height):
            lost.append(k)
            boxes[k] = 0, 0, width, height
        else:
            boxes[k] = square(face, margin, width, height)
    boxed = samples.replace(boxes=boxes)
    if missed == "whole" or not lost:
        return boxed
    kept = np.setdiff1d(np.arange(len(samples)), lost)
    skipped = []
    for k in lost:
        pose = pose_of(samples, k)
        what = NO_FACE if np.isnan(faces[k]).any() else f"{NO_FACE} inside the image"
        reason = f"{what} by {rule} (pose {pose or 'unknown'})"
        skipped.append(Skipped(samples.references[k], reason, NO_FACE, pose))
    return boxed.take(kept, tuple(skipped))


def find(
    samples: Samples,
    rule: str,
    *,
    table: str = "",
    side: int = 480,
    progress: bool = True,
    kept: MutableMapping[str, tuple[float, ...]] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """What a table ('boxes') or a detector says of each image, without margins.

    Args:
      kept: reference -> (left, top, right, bottom, width, height), what an earlier search found; what is
        found now is added.

    Returns:
      faces float [N, 4], edges in pixels, rows of NaN where there is none; sizes int [N, 2], width and height
      of the images, 0 where one cannot be read.

    Raises:
      UserError: the rule finds no faces of its own, or the table cannot be read.
    """
    _check(rule, side)
    if rule in ("set", "none", "views"):
        raise UserError(
            f"crop.rule={rule} looks for no faces; choose a detector: {', '.join(plugins.names('detectors'))}"
        )
    face_of = _from_table(samples, table) if rule == "boxes" else _by_detector(samples, rule, side)
    kept = {} if kept is None else kept
    for k, name in enumerate(
        tqdm(samples.references, desc=f"faces by {rule}", unit="image", disable=not progress, leave=False)
    ):
        if name in kept:
            continue
        try:
            size = decode(raw(samples, k))[0].size
            face = face_of(k)
        except UserError:
            raise  # of the set or the detector, not of this image
        except ValueError:
            face, size = None, (0, 0)
        kept[name] = (*(face or (np.nan,) * 4), *size)
    rows = np.array([kept[name] for name in samples.references], float).reshape(-1, 6)
    return rows[:, :4], rows[:, 4:].astype(int)


def _check(rule: str, side: int) -> None:
    known = (*RULES, *plugins.names("detectors"))
    if rule not in known:
        raise UserError(f"crop.rule must be one of {', '.join(known)}; got '{rule}'.{nearest(rule, known)}")
    if not 64 <= side <= 4096:
        raise UserError(f"crop.side must be from 64 to 4096 pixels, got {side}")


def misses(skipped: tuple[Skipped, ...]) -> Counter:
    """How many images of each pose a rule found no face in, by the name of the pose class, '' where it is not
    known.
    """
    return Counter(s.pose for s in skipped if s.kind == NO_FACE)


def pose_of(samples: Samples, k: int) -> str:
    """Name of an image's pose class, '' where it is not known."""
    return samples.pose_names[samples.pose[k]] if samples.pose[k] >= 0 else ""


def _outside(face, width: int, height: int) -> bool:
    """Whether the box shows nothing of the image, as one of another size of it does."""
    left, top, right, bottom = face
    return min(right, width) <= max(left, 0) or min(bottom, height) <= max(top, 0)


def square(face, margin: float, width: int, height: int) -> tuple[int, int, int, int]:
    """A square around a face box with a margin, moved into the image, and no larger than it."""
    left, top, right, bottom = face
    longer = max(right - left, bottom - top)
    side = min(round(longer * (1 + 2 * margin)), width, height)
    x = min(max(round((left + right - side) / 2), 0), width - side)
    y = min(max(round((top + bottom - side) / 2), 0), height - side)
    return x, y, x + side, y + side


def _by_detector(samples: Samples, name: str, side: int):
    detect = plugins.load("detectors", name).build(side=side)
    return lambda k: detect(np.asarray(decode(raw(samples, k))[0]))


def _of_views(samples: Samples, table: str) -> np.ndarray:
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


def _from_table(samples: Samples, table: str):
    if not table:
        raise UserError(
            "crop.rule=boxes reads its boxes from crop.table, a CSV file or a folder of them; set it"
        )
    faces = _faces(table)
    names = [_names(reference) for reference in samples.references]
    times = Counter(name for several in names for name in several)

    def find(k: int):
        exact, *shorter = names[k]
        keys = (exact, *(key for key in shorter if times[key] == 1))
        return next((faces[key] for key in keys if key in faces), None)

    return find


def _names(reference: str) -> tuple[str, ...]:
    """What a table may call an image: its reference, with its set or without, its last part, with its ending
    or without.
    """
    alone = reference.partition(":")[2]  # a joined set's references begin with the set
    last = (alone or reference).rpartition("/")[2]
    return tuple(dict.fromkeys(filter(None, (reference, alone, last, last.rpartition(".")[0]))))


@lru_cache(maxsize=4)
def _faces(table: str) -> dict[str, tuple[float, ...]]:
    """name -> box. Under the name as it stands, and under its last part where no other image has that; of
    several faces in an image the surest, else the largest.
    """
    best: dict[str, tuple] = {}
    for path in sorted(Path(table).glob("*.csv")) if Path(table).is_dir() else [Path(table)]:
        for row in _rows(str(path), "crop.rule=boxes"):
            name = next((row[column] for column in NAMES if row.get(column)), path.stem).replace("\\", "/")
            box = _box(row, str(path))
            if box is None:
                continue
            rank = (
                _number(row.get("FaceScore") or row.get("confidence") or "0", str(path)),
                (box[2] - box[0]) * (box[3] - box[1]),
            )
            if name not in best or rank > best[name][0]:
                best[name] = (rank, box)
    if not best:
        raise UserError(f"crop.table: no box in '{table}'")
    found = {name: box for name, (_, box) in best.items()}
    last = Counter(name.rpartition("/")[2] for name in found)
    return {key: box for name, box in found.items() if last[key := name.rpartition("/")[2]] == 1} | found


def _box(row: dict, path: str) -> tuple[float, ...] | None:
    """The box of one line of any of the three kinds of table; None for a line in which no face was found."""
    if set(EDGES) <= row.keys():
        return _corners(row, path) if row["left"] else None
    if set(PYFEAT) <= row.keys():
        if not row[PYFEAT[0]] or row[PYFEAT[0]].lower() == "nan":
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
            lines = list(csv.DictReader(file, restkey="", restval=""))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(
            f"{field} reads its boxes from crop.table, and '{path}' cannot be read: {error}"
        ) from None
    rows = [
        {key.strip(): tables.unquoted(value.strip()) for key, value in line.items() if isinstance(value, str)}
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
