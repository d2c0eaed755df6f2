import numpy as np

from dmljax.faces import studio
from dmljax.faces.camera import Window
from dmljax.faces.mesh import Mesh

WINDOW = Window((0.0, -0.2, 0.4), 1.5)
TRIANGLE = Mesh(
    np.array([[-1, -1, 0], [1, -1, 0], [0, 1, 0]], np.float32),
    np.array([[0, 1, 2]], np.int32),
    np.full((3, 3), 0.5, np.float32),
    np.zeros(3, np.float32),
)


def draws(difficulty, count=300):
    return [
        studio.draw_conditions(np.random.default_rng(k), 8, yaw=45.0, window=WINDOW, difficulty=difficulty)
        for k in range(count)
    ]


def test_conditions_vary_about_what_was_asked_and_more_with_difficulty():
    easy, hard = draws(0.0), draws(1.0)
    for measure in (
        lambda c: c.camera.yaw,
        lambda c: c.camera.pitch,
        lambda c: c.camera.roll,
        lambda c: c.camera.extent,
        lambda c: c.camera.shift[0],
        lambda c: np.log(c.exposure),
    ):
        assert 0 < np.std([measure(c) for c in easy]) < 0.5 * np.std([measure(c) for c in hard])
    assert abs(np.mean([c.camera.yaw for c in hard]) - 45) < 1
    # never near the next yaw class, 15 degrees off at the least
    assert max(abs(c.camera.yaw - 45) for c in hard) <= 8
    assert all(c.camera.centre == WINDOW.centre and abs(c.camera.extent / 1.5 - 1) <= 0.161 for c in hard)


def test_yaw_and_light_know_nothing_of_each_other():
    """Light, background and shift of a picture do not depend on the yaw that is asked for."""
    front, side = (
        studio.draw_conditions(np.random.default_rng(7), 8, yaw=yaw, window=WINDOW, difficulty=0.5)
        for yaw in (0.0, 90.0)
    )
    assert np.array_equal(front.background, side.background) and np.array_equal(
        front.light.directions, side.light.directions
    )
    assert front.camera.shift == side.camera.shift and front.camera.yaw + 90 == side.camera.yaw


def test_exposure_blur_and_noise_do_what_they_say():
    plain = draws(0.0, 1)[0]._replace(exposure=1.0, blur=0.0, noise=0.0, background=np.full((64, 64, 3), 0.2))
    take = lambda **change: studio.photograph(
        TRIANGLE, plain._replace(**change), np.random.default_rng(0), 64
    ).astype(float)
    still, background = take(), 255 * 0.2 ** (1 / 2.2)
    np.testing.assert_allclose(still[2, 2], background, atol=1)
    np.testing.assert_allclose(take(exposure=2.0)[2, 2], 255 * 0.4 ** (1 / 2.2), atol=1.5)
    noisy = take(noise=6.0)[:8, :8] - still[:8, :8]
    assert 4.5 < noisy.std() < 7.5
    edge = lambda picture: np.abs(np.diff(picture, axis=1)).max()
    assert edge(take(blur=0.03)) < 0.6 * edge(still)


def test_grey_film_keeps_the_order_of_greys_and_adds_contrast():
    ramp = np.repeat(np.arange(90, 154, dtype=np.uint8)[None, :, None], 64, 0) * np.ones(3, np.uint8)
    for k in range(20):
        film = studio.on_grey_film(ramp, np.random.default_rng(k))
        assert film.dtype == np.uint8 and (film == film[..., :1]).all()
        assert (np.diff(film[0, :, 0].astype(int)) >= 0).all() and film.std() >= 0.99 * ramp.std()
    red, green = (
        studio.on_grey_film(np.full((4, 4, 3), colour, np.uint8), np.random.default_rng(0)).mean()
        for colour in ((80, 0, 0), (0, 80, 0))
    )
    assert abs((green - red) - 80 * (0.587 - 0.299)) <= 1


def test_a_flash_leaves_the_wall_darker_or_as_it_was():
    wall = draws(0.5, 1)[0]
    levels = [
        studio.by_flash(wall, np.random.default_rng(k)).background.mean() / wall.background.mean()
        for k in range(200)
    ]
    assert max(levels) == 1.0 and 0.02 <= min(levels) and 0.2 < np.mean(np.array(levels) == 1.0) < 0.4


def test_pitch_turns_the_head_and_shrinks_the_window():
    flat, up = (
        studio.draw_conditions(
            np.random.default_rng(3), 8, yaw=0.0, pitch=pitch, window=WINDOW, difficulty=0.5
        )
        for pitch in (0.0, 30.0)
    )
    assert up.camera.pitch - flat.camera.pitch == 30
    np.testing.assert_allclose(up.camera.extent / flat.camera.extent, np.cos(np.pi / 6))
