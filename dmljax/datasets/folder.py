"""One's own images: a CSV manifest of path, expression, pose, identity, angles.

The file has a header line with the column `path` and, as far as known, `expression`, `pose`, `identity`,
`split` ('train', 'test' or 'validation'), and `yaw`, `pitch` and `roll` in degrees; one of expression, pose
and these angles is there. Paths are relative to the manifest. A cell that is empty, or `nan`, `None` or
`N/A`, is a missing label. A pose whose name is a number is a yaw in degrees (positive: the nose points to
the right of the image), so that flips know its mirror image; those of other poses are named by the field
`mirrors`. Pitch is positive where the chin is up, roll where the head tilts clockwise in the image.
"""

from __future__ import annotations

import os
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np

from dmljax import tables
from dmljax.datasets import _manifest, _poses, _tree
from dmljax.types import ANGLE_NAMES, MISSING, Samples, UserError

HALF_TURN = 180.0  # degrees
SPLITS = ("train", "test", "validation")  # in the order of their numbers, see `Samples.partition`


def samples(
    root: str,
    *,
    manifest: str = "manifest.csv",
    expressions: str = "",
    poses: str = "",
    mirrors: str = "",
    links: str = "follow",
) -> Samples:
    """The samples of a manifest.

    Args:
      root: the manifest's folder, or the CSV file itself.
      manifest: the CSV file's name below the root.
      expressions: allowed class names in order, comma-separated; empty: those of the file, sorted.
      poses: the same of the poses.
      mirrors: poses that a horizontal flip swaps, where they are words: 'left:right,frontal'.
      links: 'follow' links of images and folders wherever they lead, or leave out what leads outside the
        manifest's folder ('inside').

    Raises:
      UserError: no manifest, a missing column, an unknown label, a path outside the folder, no usable line.
    """
    _tree.check_links("folder", links)
    path = Path(root) if os.path.isfile(root) else Path(root) / manifest
    table, skipped, beside = _manifest.rows(path, inside=links == "inside")
    notes = _missing(table)
    expression, expression_names = _labels(table, "expression", expressions, path, notes)
    pose, pose_names = _labels(table, "pose", poses, path, notes)
    identity, identity_names = _labels(table, "identity", "", path, notes)
    if beside:
        notes.append(f"folder: no line names {len(beside):,} other images there (e.g. '{beside[0]}')")
    files = dict(zip(table.columns["path"], table.files))
    return Samples(
        name="folder",
        references=tuple(files),
        expression=expression,
        pose=pose,
        identity=identity,
        expression_names=expression_names,
        pose_names=pose_names,
        identity_names=identity_names,
        pose_yaw=tuple(tables.number(name) for name in pose_names),
        pose_mirror=_poses.mirror(pose_names, mirrors, "folder"),
        read=partial(_read, str(path.parent), files),
        skipped=tuple(skipped),
        notes=tuple(notes),
        partition=_partition(table, path),
        angles=_angles(table, path),
        place=str(path.resolve()),
    )


def _read(base: str, files: dict[str, str], name: str) -> bytes:
    with open(f"{base}/{files[name]}", "rb") as opened:
        return opened.read()


def _missing(table: _manifest.Table) -> list[str]:
    """Empties cells that say in a word that there is no label; what to tell of them."""
    notes = []
    for column in ("expression", "pose", "identity", "split"):
        cells = table.columns[column]
        words = {cell: count for cell, count in Counter(cells).items() if cell and tables.is_missing(cell)}
        if words:
            cells[:] = ["" if cell in words else cell for cell in cells]
            told = ", ".join(f"{count:,} x '{word}'" for word, count in words.items())
            notes.append(f"folder: taken as no {column}: {told}")
    return notes


def _labels(
    table: _manifest.Table, column: str, allowed: str, path: Path, notes: list[str]
) -> tuple[np.ndarray, tuple[str, ...]]:
    """(codes int32 [S], class names); several spellings of one name are told and are one class."""
    numeric, cells = column == "pose", table.columns[column]
    name_of, several = tables.spellings(cells, numeric=numeric)
    for spelled in several:
        notes.append(f"folder: taken as one {column}: {', '.join(map(repr, spelled))}")
    if allowed:
        names = tuple(filter(None, (name.strip() for name in allowed.split(","))))
        if twice := tables.spellings(names, numeric=numeric)[1] or [n for n in names if names.count(n) > 1]:
            raise UserError(f"folder: {column}s names one class twice: {twice[0]!r}; got '{allowed}'")
        known = {tables.same(name, numeric=numeric): name for name in names} | {name: name for name in names}
        key = {cell: cell if cell in names else tables.same(cell, numeric=numeric) for cell in name_of}
        for line, cell in zip(table.lines, cells):
            if cell and key[cell] not in known:
                raise UserError(
                    f"folder: '{path}' line {line}: unknown {column} '{cell}'; the allowed ones are"
                    f" {', '.join(names)}"
                )
        name_of = {cell: known[key[cell]] for cell in name_of}
    else:
        by = None if column == "identity" else _poses.by_number_and_name
        names = tuple(sorted(set(name_of.values()), key=by))
    number = {name: k for k, name in enumerate(names)}
    code = {cell: number[name] for cell, name in name_of.items()} | {"": MISSING}
    return np.array([code[cell] for cell in cells], np.int32), names


def _angles(table: _manifest.Table, path: Path) -> np.ndarray | None:
    """Degrees, float32 [S, 3], nan where a cell is empty or says that there is none; None: none at all."""
    found = np.full((len(table.lines), len(ANGLE_NAMES)), np.nan, np.float32)
    for k, name in enumerate(ANGLE_NAMES):
        for row, cell in enumerate(table.columns[name]):
            if tables.is_missing(cell):
                continue
            angle = tables.number(cell)
            if not abs(angle) <= HALF_TURN:
                raise UserError(
                    f"folder: '{path}' line {table.lines[row]}: {name} must be degrees from -{HALF_TURN:g} to"
                    f" {HALF_TURN:g}, or empty where it is not known; got '{cell}'"
                )
            found[row, k] = angle
    return None if np.isnan(found).all() else found


def _partition(table: _manifest.Table, path: Path) -> np.ndarray | None:
    sides = [cell.lower() for cell in table.columns["split"]]
    if not any(sides):
        return None
    for line, side in zip(table.lines, sides):
        if side not in SPLITS:
            raise UserError(
                f"folder: '{path}' line {line}: split must be train, test or validation, got '{side}'"
            )
    return np.array([SPLITS.index(side) for side in sides], np.int8)


def write_fixture(root: str) -> None:
    """A tiny manifest with its images (binary PPM): 4 people, 3 yaws, 3 expressions, one line whose file is
    missing.
    """
    base = Path(root)
    base.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    lines = ["path,expression,pose,identity"]
    for person in range(4):
        for yaw in (-45, 0, 45):
            for expression in ("anger", "joy", "neutral"):
                name = f"p{person}_{expression}_{yaw}.ppm"
                pixels = rng.integers(40, 220, (36, 30, 3)).astype(np.uint8)
                (base / name).write_bytes(b"P6\n30 36\n255\n" + pixels.tobytes())
                lines.append(f"{name},{expression},{yaw},p{person}")
    lines.append("lost.ppm,joy,0,p0")
    (base / "manifest.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
