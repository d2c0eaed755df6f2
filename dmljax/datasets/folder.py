"""One's own images: a CSV manifest of path, expression, pose, identity.

The file has a header line with the columns `path` and `expression`, and as far as known `pose`, `identity`
and `split` ('train' or 'test'). Paths are relative to the manifest. A cell that is empty, or `nan`, `None` or
`N/A`, is a missing label. A pose whose name is a number is a yaw in degrees (positive: the nose points to the
right of the image), so that flips know its mirror image; those of other poses are named by the field
`mirrors`.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from pathlib import Path

import numpy as np

from dmljax import tables
from dmljax.datasets import _manifest, _tree
from dmljax.types import MISSING, Samples, UserError

SPLITS = ("train", "test")


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
    base = str(path.parent)
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
        pose_mirror=_mirror(pose_names, mirrors),
        read=lambda name: _read(f"{base}/{files[name]}"),
        skipped=tuple(skipped),
        notes=tuple(notes),
        partition=_partition(table, path),
        place=str(path.resolve()),
    )


def _read(file: str) -> bytes:
    with open(file, "rb") as opened:
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
        by = None if column == "identity" else _by_number_and_name
        names = tuple(sorted(set(name_of.values()), key=by))
    number = {name: k for k, name in enumerate(names)}
    code = {cell: number[name] for cell, name in name_of.items()} | {"": MISSING}
    return np.array([code[cell] for cell in cells], np.int32), names


def _by_number_and_name(name: str) -> tuple:
    value = tables.number(name)
    return (math.isnan(value), 0 if math.isnan(value) else value, name)


def _mirror(names: tuple[str, ...], mirrors: str) -> tuple[int, ...]:
    """The pose class after a flip: that of the opposite yaw, or as the field says."""
    yaw = [tables.number(name) for name in names]
    number = {tables.same(name, numeric=True): k for k, name in enumerate(names)}
    mirror = [next((k for k, other in enumerate(yaw) if other == -angle), MISSING) for angle in yaw]
    for pair in filter(None, (pair.strip() for pair in mirrors.split(","))):
        one, _, other = pair.partition(":")
        sides = [tables.same(side, numeric=True) for side in (one, other or one)]
        if unknown := [side for side in sides if side not in number]:
            raise UserError(
                f"folder: mirrors has '{unknown[0]}', which is no pose; there are {', '.join(names)}"
            )
        a, b = (number[side] for side in sides)
        mirror[a], mirror[b] = b, a
    if broken := [name for k, name in enumerate(names) if mirror[k] >= 0 and mirror[mirror[k]] != k]:
        raise UserError(f"folder: mirrors names the pose '{broken[0]}' in two pairs: '{mirrors}'")
    return tuple(mirror)


def _partition(table: _manifest.Table, path: Path) -> np.ndarray | None:
    sides = [cell.lower() for cell in table.columns["split"]]
    if not any(sides):
        return None
    for line, side in zip(table.lines, sides):
        if side not in SPLITS:
            raise UserError(f"folder: '{path}' line {line}: split must be train or test, got '{side}'")
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
