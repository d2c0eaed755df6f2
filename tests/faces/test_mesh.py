import numpy as np
import pytest

from dmljax.faces.mesh import Mesh, checked, grid_triangles, join, triangulate, vertex_normals
from dmljax.types import UserError

CORNERS = np.array([[0, 0, 0], [2, 0, 0], [2, 1, 0], [0, 1, 0.0]], np.float32)


def mesh(vertices, triangles):
    vertices = np.asarray(vertices, np.float32)
    return Mesh(
        vertices,
        np.asarray(triangles, np.int32),
        np.ones((len(vertices), 3), np.float32),
        np.zeros(len(vertices), np.float32),
    )


def test_quadrilaterals_become_two_triangles_and_triangles_one():
    found = triangulate(np.array([[0, 1, 2, 3], [4, 5, 6, -1]]))
    assert sorted(map(tuple, found.tolist())) == [(0, 1, 2), (0, 2, 3), (4, 5, 6)]


def test_grid_faces_the_viewer_where_rows_go_down():
    y, x = np.meshgrid([1.0, 0.0, -1.0], [0.0, 1.0, 2.0, 3.0], indexing="ij")
    vertices = np.stack([x, y, 0 * x], -1).reshape(-1, 3)
    triangles = grid_triangles(3, 4)
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    assert len(triangles) == 2 * 2 * 3 and (np.cross(b - a, c - a)[:, 2] > 0).all()
    assert len(grid_triangles(3, 4, wrap=True)) == 2 * 2 * 4


def test_normals_are_means_weighted_by_area(rng):
    vertices = rng.standard_normal((9, 3)).astype(np.float32)
    triangles = np.array([[0, 1, 2], [0, 3, 4], [5, 1, 0], [6, 7, 5]])
    expected = np.zeros((9, 3))
    for i, j, k in triangles:
        face = np.cross(vertices[j] - vertices[i], vertices[k] - vertices[i])
        for corner in (i, j, k):
            expected[corner] += face
    used = np.arange(8)
    expected[used] /= np.linalg.norm(expected[used], axis=1, keepdims=True)
    # vertex 8 is loose: zero
    np.testing.assert_allclose(vertex_normals(vertices, triangles), expected, atol=1e-6)


def test_join_shifts_the_triangles():
    both = join(mesh(CORNERS, [[0, 1, 2]]), mesh(CORNERS + 5, [[0, 2, 3]]))
    assert both.triangles.tolist() == [[0, 1, 2], [4, 6, 7]] and len(both.vertices) == 8


def test_triangles_without_area_are_left_out():
    assert checked(mesh(CORNERS, [[0, 1, 2], [0, 1, 1], [0, 2, 0]]), "m").triangles.tolist() == [[0, 1, 2]]


@pytest.mark.parametrize(
    ("vertices", "triangles", "told"),
    [
        (CORNERS, [[0, 1, 9]], "a triangle names vertex 9; there are 4"),
        (CORNERS, [[0, -1, 2]], "names vertex -1"),
        (CORNERS, np.zeros((0, 3)), "empty"),
        (
            np.where(CORNERS == 2, np.nan, CORNERS),
            [[0, 1, 2]],
            "2 vertices have coordinates that are not finite",
        ),
        (CORNERS, [[0, 1, 1]], "all 1 triangles have no area"),
    ],
)
def test_broken_meshes_are_named(vertices, triangles, told):
    with pytest.raises(UserError, match=f"scan.wrl.*{told}"):
        checked(mesh(vertices, triangles), "scan.wrl")
