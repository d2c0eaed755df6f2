from functools import partial

import numpy as np
import pytest

from dmljax.datasets import synthetic
from dmljax.faces import head
from dmljax.types import UserError

EASY = partial(synthetic.picture, images=1, size=48, window="face", difficulty=0.0, seed=0)


def number(who, what, where):
    return (who * len(synthetic.EXPRESSIONS) + what) * len(synthetic.YAW) + where


def test_labels_are_independent_by_construction():
    samples = synthetic.samples(identities=3, images=2)
    cells = np.stack([samples.expression, samples.pose, samples.identity])
    unique, counts = np.unique(cells, axis=1, return_counts=True)
    assert unique.shape[1] == 7 * 5 * 3 and set(counts) == {2}


def test_references_name_the_labels_of_their_pictures():
    samples = synthetic.samples(identities=2)
    for k in (0, 11, 34, 69):
        who, what, where, which = (int(part) for part in samples.references[k].split("/"))
        assert (who, what, where, which) == (samples.identity[k], samples.expression[k], samples.pose[k], 0)
        assert number(who, what, where) == k


def test_a_picture_depends_on_its_number_and_the_fields_alone():
    one = EASY(11)
    assert one.shape == (48, 48, 3) and one.dtype == np.uint8
    assert np.array_equal(one, EASY(11))
    for change in ({"seed": 1}, {"difficulty": 0.5}, {"window": "head"}):
        assert not np.array_equal(one, EASY(11, **change))


def test_more_images_of_a_cell_are_other_pictures_and_keep_the_first():
    first, second = (EASY(k, images=2) for k in (22, 23))
    assert np.array_equal(first, EASY(11)) and np.abs(first.astype(int) - second).mean() > 2


def test_the_nose_points_to_the_right_of_the_image_at_positive_yaw():
    """In a profile the head fills the side that it turns away from, and the background lies before the nose."""
    for who in range(3):
        for where, background in ((0, slice(0, 4)), (4, slice(-4, None))):
            picture = EASY(number(who, 4, where), size=64).astype(float)
            rows = picture[8:48]
            skin = rows[:, 28:36].mean((0, 1))
            apart = lambda part, rows=rows, skin=skin: np.linalg.norm(rows[:, part].mean((0, 1)) - skin)  # noqa: E731
            other = slice(-12, -8) if background.start == 0 else slice(8, 12)
            assert apart(background) > apart(other), (who, where)


def test_eyes_lie_in_the_upper_third_and_the_mouth_in_the_lowest():
    from dmljax.faces.camera import Camera, project, turn
    from dmljax.faces.skull import EYE_X, EYE_Y, MOUTH_Y

    window = head.WINDOWS["face"]
    points = np.array([[EYE_X, EYE_Y, 0.7], [0.0, MOUTH_Y, 0.85]])
    for yaw in synthetic.YAW:
        camera = Camera(yaw, centre=window.centre, extent=window.extent)
        (eye, mouth), _ = project(turn(points, camera), camera, 3)
        assert eye[1] < 1 and mouth[1] > 2


@pytest.mark.parametrize(("field", "value"), [("identities", 0), ("size", 8), ("seed", -1), ("difficulty", 1.5), ("images", 0)])
def test_fields_out_of_range(field, value):
    with pytest.raises(UserError, match=f"synthetic: {field} must be from"):
        synthetic.samples(**{field: value})


def test_an_unknown_window():
    with pytest.raises(UserError, match="synthetic: window must be one of head, face, got 'eye'"):
        synthetic.samples(window="eye")
