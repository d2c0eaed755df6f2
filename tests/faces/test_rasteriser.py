import numpy as np
import pytest

from dmljax.faces.rasteriser import rasterise


def reference(screen, depth, triangles, size, cull):
    """Every pixel against every triangle, in float64: {pixel: (1 / depth, triangle, weights)}."""
    found = {}
    for number, corners in enumerate(triangles):
        (ax, ay), (bx, by), (cx, cy) = screen[corners]
        area = (cx - ax) * (by - ay) - (bx - ax) * (cy - ay)
        if area == 0 or (cull and area < 0) or (depth[corners] <= 0).any():
            continue
        for row in range(size[0]):
            for column in range(size[1]):
                x, y = column + 0.5, row + 0.5
                w0 = ((by - cy) * (x - cx) + (cx - bx) * (y - cy)) / -area
                w1 = ((cy - ay) * (x - cx) + (ax - cx) * (y - cy)) / -area
                weights = np.array([w0, w1, 1 - w0 - w1])
                if weights.min() < 0:
                    continue
                near = (weights / depth[corners]).sum()
                if row * size[1] + column not in found or near > found[row * size[1] + column][0]:
                    true = weights / depth[corners]
                    found[row * size[1] + column] = (near, number, true / true.sum())
    return found


@pytest.mark.parametrize("cull", [True, False])
@pytest.mark.parametrize("spread", [1.5, 6.0, 40.0])
def test_equals_the_test_of_every_pixel_against_every_triangle(rng, cull, spread):
    size = (17, 23)
    centre = rng.uniform(-3, 26, (40, 1, 2))
    screen = (centre + spread * rng.standard_normal((40, 3, 2))).reshape(-1, 2)
    depth = rng.uniform(0.5, 3.0, len(screen))
    depth[5] = -0.2  # behind the camera
    triangles = np.arange(120).reshape(40, 3)
    shown = rasterise(screen, depth, triangles, size, cull=cull)
    expected = reference(screen, depth, triangles, size, cull)
    assert expected and shown.pixel.tolist() == sorted(expected)
    for pixel, triangle, weights in zip(*shown):
        assert triangle == expected[pixel][1]
        np.testing.assert_allclose(weights, expected[pixel][2], atol=2e-4)


def test_neighbours_leave_no_gap_and_large_triangles_are_whole():
    screen = np.array([[-100.0, -100], [200, -100], [200, 200], [-100, 200]])
    shown = rasterise(screen, np.ones(4), np.array([[0, 2, 1], [0, 3, 2]]), (64, 48))
    assert len(shown.pixel) == 64 * 48 and set(shown.triangle) == {0, 1}


def test_nothing_in_view_is_no_error():
    shown = rasterise(
        np.full((3, 2), -5.0) + np.eye(3)[:, :2], np.ones(3), np.array([[0, 1, 2]]), (8, 8), cull=False
    )
    assert shown.pixel.shape == (0,) and shown.weights.shape == (0, 3)
