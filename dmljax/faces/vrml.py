"""Textured scans in VRML 2.0, as BU-3DFE has them: one mesh and the picture that it names."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from PIL import Image

from dmljax.faces.mesh import Mesh, checked
from dmljax.types import UserError

_POINTS = re.compile(r"\b(TextureCoordinate|Coordinate)\s*\{\s*point\s*\[([^\]]*)\]")
_INDEX = re.compile(r"\b(texCoordIndex|coordIndex)\s*\[([^\]]*)\]")
_COMMENT = re.compile(r"#[^\n]*")


def read(scan: Path, texture: Path) -> Mesh:
    """The mesh with its texture; corners with different texture coordinates become different vertices.

    Raises:
      ValueError: a file is missing or broken; the text says which and how.
    """
    try:
        text = _COMMENT.sub("", scan.read_text(encoding="utf-8", errors="replace"))
        with Image.open(texture) as image:
            picture = np.asarray(image.convert("RGB"))
    except FileNotFoundError as error:
        raise ValueError(f"{Path(error.filename).name} is missing") from None
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"{texture.name} cannot be read ({error})") from None
    points = {kind: _numbers(body, scan, kind) for kind, body in _POINTS.findall(text)}
    index = {kind: _numbers(body, scan, kind).astype(np.int64) for kind, body in _INDEX.findall(text)}
    for block, found in (("Coordinate", points), ("TextureCoordinate", points), ("coordIndex", index)):
        if block not in found:
            raise ValueError(f"{scan.name} has no {block} block")
    corners = index["coordIndex"]
    uv_corners = index.get("texCoordIndex", corners)
    if len(uv_corners) != len(corners):
        raise ValueError(
            f"{scan.name}: {len(corners)} entries in coordIndex but {len(uv_corners)} in texCoordIndex"
        )
    vertices, uv = _grouped(points["Coordinate"], 3, scan), _grouped(points["TextureCoordinate"], 2, scan)
    triangles = _fans(corners)
    if not len(triangles):
        raise ValueError(f"{scan.name} has no triangles")
    used = np.stack([corners[triangles], uv_corners[triangles]], -1).reshape(-1, 2)
    for kind, named, count in (("vertex", used[:, 0], len(vertices)), ("texture point", used[:, 1], len(uv))):
        low, high = named.min(), named.max()
        if low < 0 or high >= count:
            raise ValueError(
                f"{scan.name}: a triangle names {kind} {high if high >= count else low}; there are {count}"
            )
    pairs, corner = np.unique(used, axis=0, return_inverse=True)
    mesh = Mesh(
        vertices[pairs[:, 0]],
        corner.reshape(-1, 3).astype(np.int32),
        np.ones((len(pairs), 3), np.float32),
        np.zeros(len(pairs), np.float32),
        uv[pairs[:, 1]],
        picture,
    )
    try:
        return checked(mesh, scan.name)
    except UserError as error:
        raise ValueError(str(error)) from None


def _numbers(body: str, scan: Path, kind: str) -> np.ndarray:
    try:
        return np.array(body.replace(",", " ").split(), np.float64)
    except ValueError as error:
        raise ValueError(f"{scan.name}: {kind} holds something that is no number ({error})") from None


def _grouped(flat: np.ndarray, size: int, scan: Path) -> np.ndarray:
    if len(flat) % size or not len(flat):
        raise ValueError(f"{scan.name}: {len(flat)} coordinates do not come in groups of {size}")
    return flat.reshape(-1, size).astype(np.float32)


def _fans(corners: np.ndarray) -> np.ndarray:
    """Polygons closed by -1 -> triangles of positions in `corners`, int64 [T, 3]."""
    ends = np.flatnonzero(corners == -1)
    if not len(ends) or ends[-1] != len(corners) - 1:
        ends = np.append(ends, len(corners))
    starts = np.concatenate([[0], ends[:-1] + 1])
    sizes = ends - starts
    most = int(sizes.max(initial=0))
    fans = [np.stack([starts, starts + k, starts + k + 1], -1)[sizes > k + 1] for k in range(1, most - 1)]
    return np.concatenate(fans) if fans else np.zeros((0, 3), np.int64)
