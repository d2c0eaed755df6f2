import numpy as np

from dmljax.faces import studio
from dmljax.faces.camera import Window
from dmljax.faces.mesh import Mesh

WINDOW = Window((0.0, -0.2, 0.4), 1.5)
TRIANGLE = Mesh(np.array([[-1, -1, 0], [1, -1, 0], [0, 1, 0]], np.float32), np.array([[0, 1, 2]], np.int32),
                np.full((3, 3), 0.5, np.float32), np.zeros(3, np.float32))


def draws(difficulty, count=300):
    return [studio.draw_conditions(np.random.default_rng(k), 8, yaw=45.0, window=WINDOW, difficulty=difficulty) for k in range(count)]


def test_conditions_vary_about_what_was_asked_and_more_with_difficulty():
    easy, hard = draws(0.0), draws(1.0)
    for measure in (lambda c: c.camera.yaw, lambda c: c.camera.pitch, lambda c: c.camera.roll, lambda c: c.camera.extent,
                    lambda c: c.camera.shift[0], lambda c: np.log(c.exposure)):
        assert 0 < np.std([measure(c) for c in easy]) < 0.5 * np.std([measure(c) for c in hard])
    assert abs(np.mean([c.camera.yaw for c in hard]) - 45) < 1
    assert max(abs(c.camera.yaw - 45) for c in hard) <= 8  # never near the next yaw class, 15 degrees off at the least
    assert all(c.camera.centre == WINDOW.centre and abs(c.camera.extent / 1.5 - 1) <= 0.161 for c in hard)


def test_yaw_and_light_know_nothing_of_each_other():
    """Light, background and shift of a picture do not depend on the yaw that is asked for."""
    front, side = (studio.draw_conditions(np.random.default_rng(7), 8, yaw=yaw, window=WINDOW, difficulty=0.5) for yaw in (0.0, 90.0))
    assert np.array_equal(front.background, side.background) and np.array_equal(front.light.directions, side.light.directions)
    assert front.camera.shift == side.camera.shift and front.camera.yaw + 90 == side.camera.yaw


def test_exposure_blur_and_noise_do_what_they_say():
    plain = draws(0.0, 1)[0]._replace(exposure=1.0, blur=0.0, noise=0.0, background=np.full((64, 64, 3), 0.2))
    take = lambda **change: studio.photograph(TRIANGLE, plain._replace(**change), np.random.default_rng(0), 64).astype(float)  # noqa: E731
    still, background = take(), 255 * 0.2 ** (1 / 2.2)
    np.testing.assert_allclose(still[2, 2], background, atol=1)
    np.testing.assert_allclose(take(exposure=2.0)[2, 2], 255 * 0.4 ** (1 / 2.2), atol=1.5)
    noisy = take(noise=6.0)[:8, :8] - still[:8, :8]
    assert 4.5 < noisy.std() < 7.5
    edge = lambda picture: np.abs(np.diff(picture, axis=1)).max()  # noqa: E731
    assert edge(take(blur=0.03)) < 0.6 * edge(still)
