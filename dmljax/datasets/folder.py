"""One's own images: a CSV manifest of path, expression, pose, identity.

The file has a header line with the columns `path` and `expression`, and as far as known `pose`, `identity`
and `split` ('train' or 'test'). Paths are relative to the manifest. An empty cell is a missing label. A pose
whose name is a number is a yaw in degrees (positive: the nose points to the right of the image), so that
flips know its mirror image.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from dmljax.types import MISSING, Samples, Skipped, UserError

REQUIRED = ("path", "expression")
OPTIONAL = ("pose", "identity", "split")
SPLITS = ("train", "test")


def samples(root: str, *, manifest: str = "manifest.csv", expressions: str = "", poses: str = "") -> Samples:
    """The samples of a manifest.

    Args:
      root: the manifest's folder, or the CSV file itself.
      manifest: the CSV file's name below the root.
      expressions: allowed class names in order, comma-separated; empty: those of the file, sorted.
      poses: the same of the poses.

    Raises:
      UserError: no manifest, a missing column, an unknown label, a path outside the folder, no usable line.
    """
    path = Path(root) if Path(root).is_file() else Path(root) / manifest
    rows, skipped = _rows(path)
    expression_names = _classes(rows, "expression", expressions, path)
    pose_names = _classes(rows, "pose", poses, path)
    identity_names = tuple(sorted({row["identity"] for row in rows} - {""}))
    yaw = tuple(_yaw(name) for name in pose_names)
    return Samples(
        name="folder",
        references=tuple(row["path"] for row in rows),
        expression=_codes(rows, "expression", expression_names),
        pose=_codes(rows, "pose", pose_names),
        identity=_codes(rows, "identity", identity_names),
        expression_names=expression_names,
        pose_names=pose_names,
        identity_names=identity_names,
        pose_yaw=yaw,
        pose_mirror=tuple(
            next((k for k, other in enumerate(yaw) if other == -angle), MISSING) for angle in yaw
        ),
        read=lambda name: (path.parent / name).read_bytes(),
        skipped=tuple(skipped),
        partition=_partition(rows, path),
        place=str(path.resolve()),
    )


def _rows(path: Path) -> tuple[list[dict], list[Skipped]]:
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns = reader.fieldnames or []
            table = [(reader.line_num, row) for row in reader]
    except FileNotFoundError:
        raise UserError(
            f"folder: no manifest '{path}'; write a CSV with the columns {', '.join(REQUIRED + OPTIONAL)}"
        ) from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"folder: '{path}' cannot be read as CSV in UTF-8: {error}") from None
    missing = [c for c in REQUIRED if c not in columns]
    if missing:
        raise UserError(
            f"folder: '{path}' lacks the column {', '.join(missing)}; its header has"
            f" {', '.join(columns) or 'nothing'}"
        )
    base, rows, skipped, seen = path.parent.resolve(), [], [], {}
    for line, raw in table:
        row = {c: (raw.get(c) or "").strip() for c in REQUIRED + OPTIONAL}
        name = row["path"]
        if not name:
            raise UserError(f"folder: '{path}' line {line} has no path")
        target = (base / name).resolve()
        if not target.is_relative_to(base):
            raise UserError(f"folder: '{path}' line {line}: '{name}' lies outside the manifest's folder")
        if name in seen:
            raise UserError(f"folder: '{path}' line {line}: '{name}' stands already in line {seen[name]}")
        seen[name] = line
        if target.is_file():
            rows.append({**row, "line": line})
        else:
            skipped.append(Skipped(name, "no such file"))
    if not rows:
        raise UserError(f"folder: none of the {len(table)} lines of '{path}' names a file that exists")
    return rows, skipped


def _classes(rows: list[dict], column: str, allowed: str, path: Path) -> tuple[str, ...]:
    found = {row[column] for row in rows} - {""}
    if not allowed:
        return tuple(
            sorted(
                found,
                key=lambda name: (np.isnan(_yaw(name)), _yaw(name) if not np.isnan(_yaw(name)) else 0, name),
            )
        )
    names = tuple(name.strip() for name in allowed.split(","))
    for row in rows:
        if row[column] and row[column] not in names:
            raise UserError(
                f"folder: '{path}' line {row['line']}: unknown {column} '{row[column]}'; the allowed ones are"
                f" {', '.join(names)}"
            )
    return names


def _codes(rows: list[dict], column: str, names: tuple[str, ...]) -> np.ndarray:
    code = {name: k for k, name in enumerate(names)}
    return np.array([code.get(row[column], MISSING) for row in rows], np.int32)


def _yaw(name: str) -> float:
    try:
        return float(name)
    except ValueError:
        return float("nan")


def _partition(rows: list[dict], path: Path) -> np.ndarray | None:
    if not any(row["split"] for row in rows):
        return None
    for row in rows:
        if row["split"] not in SPLITS:
            raise UserError(
                f"folder: '{path}' line {row['line']}: split must be train or test, got '{row['split']}'"
            )
    return np.array([SPLITS.index(row["split"]) for row in rows], np.int8)


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
