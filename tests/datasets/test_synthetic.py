import numpy as np
import pytest

from dmljax import plugins
from dmljax.datasets import synthetic
from dmljax.faces import head, studio
from dmljax.types import MISSING, UserError

FIELDS = {k: v for k, v in plugins.defaults("datasets", "synthetic").items() if k != "identities"}
EASY = synthetic.options_of(**FIELDS | {"size": 48, "difficulty": 0.0})


def take(number, **changes):
    return synthetic.picture(number, options=EASY._replace(**changes))


def number(who, what, where):
    return (who * len(synthetic.EXPRESSIONS) + what) * len(EASY.poses) + where


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
    one = take(11)
    assert one.shape == (48, 48, 3) and one.dtype == np.uint8
    assert np.array_equal(one, take(11))
    for change in (
        {"seed": 1},
        {"difficulty": 0.5},
        {"window": "head"},
        {"glasses": 1.0},
        {"sunglasses": 1.0},
        {"beards": 1.0},
        {"film": "grey"},
    ):
        assert not np.array_equal(one, take(11, **change))


def test_more_images_of_a_cell_are_other_pictures_and_keep_the_first():
    first, second = (take(k, images=2) for k in (22, 23))
    assert np.array_equal(first, take(11)) and np.abs(first.astype(int) - second).mean() > 2


def test_the_nose_points_to_the_right_of_the_image_at_positive_yaw():
    """In a profile the head fills the side that it turns away from, and the background lies before the
    nose.
    """
    for who in range(3):
        for where, background in ((0, slice(0, 4)), (4, slice(-4, None))):
            picture = take(number(who, 4, where), size=64).astype(float)
            rows = picture[8:48]
            skin = rows[:, 28:36].mean((0, 1))
            apart = lambda part, rows=rows, skin=skin: np.linalg.norm(rows[:, part].mean((0, 1)) - skin)
            other = slice(-12, -8) if background.start == 0 else slice(8, 12)
            assert apart(background) > apart(other), (who, where)


def test_eyes_lie_in_the_upper_third_and_the_mouth_in_the_lowest():
    from dmljax.faces.camera import Camera, project, turn
    from dmljax.faces.skull import EYE_X, EYE_Y, MOUTH_Y

    window = head.WINDOWS["face"]
    points = np.array([[EYE_X, EYE_Y, 0.7], [0.0, MOUTH_Y, 0.85]])
    for yaw, _ in EASY.poses:
        camera = Camera(yaw, centre=window.centre, extent=window.extent)
        (eye, mouth), _ = project(turn(points, camera), camera, 3)
        assert eye[1] < 1 and mouth[1] > 2


def test_expressions_and_poses_can_be_chosen_and_show_the_same_actions():
    samples = synthetic.samples(
        identities=2, expressions="sadness, anger", poses="0, -30, 30, 0/25, 30/25", size=48, difficulty=0.0
    )
    assert samples.expression_names == ("anger", "sadness") and len(samples) == 2 * 2 * 5
    assert samples.pose_names == ("0", "-30", "30", "0/25", "30/25")
    assert (
        samples.pose_mirror == (0, 2, 1, 3, MISSING)
        and samples.pose_yaw[:3] == (0, -30, 30)
        and np.isnan(samples.pose_yaw[3:]).all()
    )
    few = EASY._replace(expressions=("anger", "sadness"))
    for what, name in enumerate(few.expressions):
        assert np.array_equal(
            synthetic.picture(what * 5 + 2, options=few),
            take(number(0, synthetic.EXPRESSIONS.index(name), 2)),
        )


def test_as_the_chin_goes_up_the_mouth_does():
    def darkest_row(pitch):
        rows = synthetic.picture(
            0, options=EASY._replace(size=64, poses=((0.0, pitch),), expressions=("surprise",))
        ).astype(float)
        mouth = rows[20:, 26:38].mean((1, 2))
        return int(mouth.argmin())  # the open mouth

    assert darkest_row(30.0) < darkest_row(0.0) < darkest_row(-25.0)


def test_sunglasses_hide_the_eyes_and_nothing_else():
    for who in range(3):
        bare, worn = (
            take(number(who, 4, 2), size=64).astype(float),
            take(number(who, 4, 2), size=64, sunglasses=1.0).astype(float),
        )
        changed = np.abs(bare - worn).max(-1) > 8
        assert changed[6:26, 8:56].mean() > 0.3 and changed[34:].mean() < 0.01
        assert np.median(worn[changed]) < 0.65 * np.median(bare[changed])


def test_clear_glasses_are_a_person_s_own():
    wearers = [
        who
        for who in range(40)
        if not np.array_equal(take(number(who, 4, 2)), take(number(who, 4, 2), glasses=0.5))
    ]
    assert 10 < len(wearers) < 30
    who = wearers[0]
    for where in range(5):
        assert not np.array_equal(take(number(who, 0, where)), take(number(who, 0, where), glasses=0.5))


def test_beards_darken_the_jaw_alone():
    darker = [
        np.subtract(
            *(take(number(who, 4, 2), size=64, beards=share).astype(float) for share in (0.0, 1.0))
        ).mean(-1)
        for who in range(6)
    ]
    mean = np.mean(darker, 0)
    assert mean[44:60, 20:44].mean() > 15 and abs(mean[24:34, 20:44].mean()) < 3


def test_grey_film_has_no_colour():
    for where in range(5):
        picture = take(number(1, 3, where), film="grey")
        assert (picture == picture[..., :1]).all() and picture.std() > 10


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"expressions": "anger,joy"}, "expressions has 'joy'; there are anger,"),
        ({"poses": "0,left"}, "poses has 'left'; expected a yaw in degrees"),
        ({"poses": "0,,30"}, "poses has ''"),
        ({"poses": "0,120"}, "a yaw from -90 to 90"),
        ({"poses": "0/80"}, "a pitch from -60 to 60"),
        ({"poses": "0,nan"}, "a yaw from -90 to 90"),
        ({"poses": "0,30,30"}, "poses names one twice"),
        ({"film": "sepia"}, "film must be one of colour, grey, got 'sepia'"),
        ({"sunglasses": 1.5}, "sunglasses must be from 0 to 1, got 1.5"),
    ],
)
def test_wrong_fields_are_told(fields, message):
    with pytest.raises(UserError, match=message):
        synthetic.samples(**fields)


@pytest.mark.parametrize(
    ("field", "value"), [("identities", 0), ("size", 8), ("seed", -1), ("difficulty", 1.5), ("images", 0)]
)
def test_fields_out_of_range(field, value):
    with pytest.raises(UserError, match=f"synthetic: {field} must be from"):
        synthetic.samples(**{field: value})


def test_an_unknown_window():
    with pytest.raises(UserError, match="synthetic: window must be one of head, face, got 'eye'"):
        synthetic.samples(window="eye")


def test_a_folder_of_one_s_own_images_is_refused(tmp_path):
    synthetic.samples(str(tmp_path / "new"))
    (tmp_path / "synthetic-0a1b2c3d4e5f").mkdir()
    synthetic.samples(str(tmp_path))
    (tmp_path / "manifest.csv").write_text("path")
    with pytest.raises(UserError, match="^dataset.root: synthetic draws its faces .* holds 'manifest.csv'"):
        synthetic.samples(str(tmp_path))


def test_angles_are_those_of_the_pictures(monkeypatch):
    seen = []
    blank = np.zeros((16, 16, 3), np.uint8)
    monkeypatch.setattr(studio, "photograph", lambda mesh, at, *_: seen.append(at.camera) or blank)
    fields = {"images": 2, "difficulty": 0.8, "expressions": "neutral,fear", "poses": "60,0/-20", "seed": 3}
    samples = synthetic.samples(identities=2, size=16, beards=0.5, glasses=0.5, **fields)
    options = synthetic.options_of(**FIELDS | fields | {"size": 16, "beards": 0.5, "glasses": 0.5})
    for number in range(len(samples)):
        synthetic.picture(number, options=options)
    expected = [[camera.yaw, camera.pitch, camera.roll] for camera in seen]
    found = synthetic.angles(samples.references, beards=0.5, **fields)
    assert found.dtype == np.float32 and found.shape == (16, 3)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert np.abs(found[:, 2]).max() > 1 and len(np.unique(found[:, 0])) == 16
    few = synthetic.angles(samples.references[5:7], **fields)
    assert np.array_equal(few, found[5:7])
