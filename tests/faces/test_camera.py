import numpy as np
import pytest

from dmljax.faces.camera import Camera, project, rotation, turn
from dmljax.types import UserError

NOSE, CROWN, LEFT_EAR = np.array([[0, 0, 1.0]]), np.array([[0, 1.0, 0]]), np.array([[1.0, 0, 0]])


def on_screen(point, **view):
    camera = Camera(**view)
    return project(turn(point, camera), camera, 100)[0][0]


def test_signs_of_yaw_pitch_and_roll():
    middle = on_screen(np.zeros((1, 3)))
    np.testing.assert_allclose(middle, [50, 50])
    assert on_screen(NOSE, yaw=30)[0] > 60 and on_screen(NOSE, yaw=-30)[0] < 40
    assert on_screen(NOSE, pitch=20)[1] < 45  # chin up: the nose goes up
    assert on_screen(CROWN, roll=15)[0] > 55  # clockwise
    np.testing.assert_allclose(on_screen(NOSE, yaw=90), on_screen(LEFT_EAR), atol=1e-9)


@pytest.mark.parametrize("yaw", [-90, 0, 30])
def test_the_centre_stays_in_the_middle(yaw):
    np.testing.assert_allclose(
        on_screen(np.array([[0.1, -0.2, 0.4]]), yaw=yaw, pitch=10, roll=5, centre=(0.1, -0.2, 0.4)), [50, 50]
    )


def test_a_rotation_keeps_lengths_and_handedness():
    turn = rotation(Camera(35, -20, 50))
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(turn) == pytest.approx(1)


def test_perspective_is_a_similar_triangle_and_orthographic_its_limit():
    # Extent 2, distance 3 -> the camera stands 6 units off; a point 1 unit nearer is seen larger by 6 / 5.
    screen, depth = project(
        np.array([[0.5, 0.25, 0.0], [0.5, 0.25, 1.0]]), Camera(extent=2, distance=3, shift=(0.1, 0)), 200
    )
    np.testing.assert_allclose(screen, [[170, 75], [120 + 50 * 6 / 5, 100 - 25 * 6 / 5]])
    np.testing.assert_allclose(depth, [3, 2.5])
    flat, order = project(np.array([[0.5, 0.25, 0.0], [0.5, 0.25, 1.0]]), Camera(extent=2, distance=0), 200)
    np.testing.assert_allclose(flat[0], flat[1])
    assert order[1] < order[0] and order.min() > 0


@pytest.mark.parametrize("view", [{"extent": 0.0}, {"distance": -1.0}])
def test_impossible_cameras(view):
    with pytest.raises(UserError, match="extent must be above 0"):
        project(NOSE, Camera(**view), 10)
