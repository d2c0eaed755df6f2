"""The rasteriser: triangles on the screen -> which one each pixel shows; a z-buffer in NumPy.

Triangles are sorted into classes by the size of their bounding boxes, and all pixels of all boxes of a class
are tested at once. For dense meshes nearly every box is one to four pixels wide, so that little is tested in
vain.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

_EMPTY = np.uint64(0xFFFFFFFFFFFFFFFF)


class Fragments(NamedTuple):
    """The visible surface of a picture of H x W pixels.

    Attributes:
      pixel: int64 [P], row * W + column of the pixels that show a triangle, ascending.
      triangle: int32 [P], which one.
      weights: float32 [P, 3], perspective-correct shares of its corners, sum 1.
    """

    pixel: np.ndarray
    triangle: np.ndarray
    weights: np.ndarray


def rasterise(
    screen: np.ndarray, depth: np.ndarray, triangles: np.ndarray, size: tuple[int, int], *, cull: bool = True
) -> Fragments:
    """The nearest triangle at every pixel centre.

    Args:
      screen: float [V, 2], column and row of each vertex in pixels; pixel k spans k..k+1, rows go down.
      depth: float [V], distance along the line of sight, above 0; vertices at or behind the camera hide their
        triangles.
      triangles: int [T, 3], counter-clockwise seen from outside.
      size: (H, W).
      cull: leave out triangles that are seen from behind.
    """
    height, width = size
    corners = screen[triangles].astype(np.float32)
    inverse = (1.0 / np.where(depth > 0, depth, np.inf)).astype(np.float32)[triangles]
    (x0, y0), (x1, y1), (x2, y2) = (corners[:, k].T for k in range(3))
    area = (x2 - x0) * (y1 - y0) - (x1 - x0) * (y2 - y0)  # rows go down: positive for counter-clockwise
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    low = np.maximum(np.ceil(np.minimum(np.minimum(a, b), c) - 0.5), 0).astype(np.int32)
    high = np.floor(np.maximum(np.maximum(a, b), c) - 0.5)
    high = np.minimum(high, np.array([width - 1, height - 1], np.float32)).astype(np.int32)
    seen = (area > 0) if cull else (area != 0)
    seen &= (high[:, 0] >= low[:, 0]) & (high[:, 1] >= low[:, 1])
    seen &= (inverse[:, 0] > 0) & (inverse[:, 1] > 0) & (inverse[:, 2] > 0)
    chosen = np.flatnonzero(seen)
    extent = (high - low + 1)[chosen]
    buffer = np.full(height * width, _EMPTY)
    kept = []
    first = 0
    for k, members in _classes(extent):
        found = _cover(chosen[members], k, corners, inverse, area, low, high, width)
        order = np.arange(first, first + len(found[0]), dtype=np.uint64)
        # Nearest first: 1 / depth is positive, so its bits order as numbers do; the fragment's number breaks
        # ties.
        key = (~found[3].view(np.uint32)).astype(np.uint64) << np.uint64(32) | order
        np.minimum.at(buffer, found[0], key)
        first += len(order)
        kept.append(found)
    pixel = np.flatnonzero(buffer != _EMPTY)
    if not len(pixel):
        return Fragments(pixel, np.zeros(0, np.int32), np.zeros((0, 3), np.float32))
    winner = (buffer[pixel] & np.uint64(0xFFFFFFFF)).astype(np.int64)
    triangle = np.concatenate([f[1] for f in kept])[winner]
    linear = np.concatenate([f[2] for f in kept])[winner]
    weights = linear * inverse[triangle]
    return Fragments(pixel, triangle.astype(np.int32), weights / weights.sum(1, keepdims=True))


def _classes(extent: np.ndarray):
    """(box (columns, rows), members) for boxes of one size class; sides are rounded up to 1, 2, 3, 4, 6, 8,
    12, 16, 24, ...
    """
    sides = np.array([1, 2, 3, 4, 6, 8, *(m * 2**k for k in range(2, 13) for m in (3, 4))])
    columns = sides[np.searchsorted(sides, extent[:, 0])]
    rows = sides[np.searchsorted(sides, extent[:, 1])]
    kind = columns.astype(np.int64) * 1_000_000 + rows
    order = np.argsort(kind, kind="stable")
    values, starts = np.unique(kind[order], return_index=True)
    for value, members in zip(values, np.split(order, starts[1:])):
        box = int(value // 1_000_000), int(value % 1_000_000)
        chunk = max(1, 4_000_000 // (box[0] * box[1]))  # memory stays flat for large triangles too
        for begin in range(0, len(members), chunk):
            yield box, members[begin : begin + chunk]


def _cover(triangles, box, corners, inverse, area, low, high, width):
    """(pixel, triangle, linear weights, 1 / depth) of all pixel centres inside the triangles."""
    columns, rows = box
    corner, base = corners[triangles], low[triangles]
    across = base[:, :1] + np.arange(columns, dtype=np.int32)
    down = base[:, 1:] + np.arange(rows, dtype=np.int32)
    scale = 1.0 / area[triangles]
    x, y = across.astype(np.float32) + np.float32(0.5), down.astype(np.float32) + np.float32(0.5)

    def share(a: int, b: int):
        """Weight of the third corner: the edge function of the side a -> b over twice the area, [T, rows,
        columns].
        """
        (ax, ay), (bx, by) = corner[:, a].T, corner[:, b].T
        sx, sy = (by - ay) * scale, (bx - ax) * scale
        return (sx[:, None] * (x - ax[:, None]))[:, None, :] - (sy[:, None] * (y - ay[:, None]))[:, :, None]

    w0, w1 = share(1, 2), share(2, 0)
    w2 = 1.0 - w0 - w1
    inside = (w0 >= 0) & (w1 >= 0) & (w2 >= 0)
    inside &= (across <= high[triangles, :1])[:, None, :] & (down <= high[triangles, 1:])[:, :, None]
    which, row, column = np.nonzero(inside)
    weights = np.stack([w0[which, row, column], w1[which, row, column], w2[which, row, column]], -1)
    found = triangles[which]
    pixel = down[which, row].astype(np.int64) * width + across[which, column]
    return pixel, found, weights, np.ascontiguousarray((weights * inverse[found]).sum(1))
