"""Triangle meshes: vertices, triangles and what is attached to each vertex; checks, normals, joining."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dmljax.types import UserError


class Mesh(NamedTuple):
    """A triangle mesh. +x points to the image's right, +y up, +z from the face to the viewer.

    Attributes:
      vertices: float32 [V, 3], in any unit.
      triangles: int32 [T, 3], counter-clockwise seen from outside.
      colour: float32 [V, 3], linear albedo 0..1 (white where a texture gives the colour).
      gloss: float32 [V], strength of the mirror reflection, 0..1.
      uv: float32 [V, 2], texture coordinates, (0, 0) the texture's lower left corner; None without a texture.
      texture: uint8 [H, W, 3], sRGB; None without one.
    """

    vertices: np.ndarray
    triangles: np.ndarray
    colour: np.ndarray
    gloss: np.ndarray
    uv: np.ndarray | None = None
    texture: np.ndarray | None = None


def triangulate(polygons: np.ndarray) -> np.ndarray:
    """Quadrilaterals [Q, 4], their fourth index negative where they are triangles -> triangles int32 [T,
    3].
    """
    quads = np.asarray(polygons, np.int32)
    real = quads[:, 3] >= 0
    return np.concatenate([quads[:, :3], quads[real][:, [0, 2, 3]]])


def grid_triangles(rows: int, columns: int, *, wrap: bool = False) -> np.ndarray:
    """Triangles of a rows x columns grid of vertices (row-major), counter-clockwise where columns go to the
    right and rows go down; `wrap` joins the last column to the first.
    """
    last = columns if wrap else columns - 1
    row, column = np.meshgrid(np.arange(rows - 1), np.arange(last), indexing="ij")
    a, b = row * columns + column, row * columns + (column + 1) % columns
    c, d = a + columns, b + columns
    return np.stack([np.stack([a, c, b], -1), np.stack([b, c, d], -1)], 2).reshape(-1, 3).astype(np.int32)


def vertex_normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Unit normals float32 [V, 3]: means of the triangles around a vertex, weighted by their areas; zero for
    loose vertices.
    """
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    faces = np.cross(b - a, c - a)
    normals = np.stack(
        [
            sum(
                np.bincount(triangles[:, corner], weights=faces[:, axis], minlength=len(vertices))
                for corner in range(3)
            )
            for axis in range(3)
        ],
        -1,
    )
    return (normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)).astype(np.float32)


def join(*meshes: Mesh) -> Mesh:
    """One mesh of several without textures."""
    first = np.cumsum([0, *(len(m.vertices) for m in meshes[:-1])])
    return Mesh(
        np.concatenate([m.vertices for m in meshes]),
        np.concatenate([m.triangles + offset for m, offset in zip(meshes, first)]).astype(np.int32),
        np.concatenate([m.colour for m in meshes]),
        np.concatenate([m.gloss for m in meshes]),
    )


def checked(mesh: Mesh, name: str) -> Mesh:
    """The mesh without triangles that have no area.

    Raises:
      UserError: it is broken (no triangles, an index out of range, a coordinate that is not finite); the text
      names `name`.
    """
    if not len(mesh.vertices) or not len(mesh.triangles):
        raise UserError(
            f"{name}: the mesh is empty ({len(mesh.vertices)} vertices, {len(mesh.triangles)} triangles)"
        )
    low, high = int(mesh.triangles.min()), int(mesh.triangles.max())
    if low < 0 or high >= len(mesh.vertices):
        raise UserError(
            f"{name}: a triangle names vertex {high if high >= len(mesh.vertices) else low}; there are"
            f" {len(mesh.vertices)}"
        )
    if not np.isfinite(mesh.vertices).all():
        raise UserError(
            f"{name}: {int((~np.isfinite(mesh.vertices)).any(1).sum())} vertices have coordinates that are"
            " not finite"
        )
    a, b, c = (mesh.vertices[mesh.triangles[:, k]].astype(np.float64) for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    solid = area > 1e-12 * np.ptp(mesh.vertices, axis=0).max() ** 2
    if not solid.any():
        raise UserError(f"{name}: all {len(mesh.triangles)} triangles have no area")
    return mesh._replace(triangles=mesh.triangles[solid])
