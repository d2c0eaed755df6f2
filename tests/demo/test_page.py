"""What the page answers to photographs, good and bad ones: its handlers on arrays and files."""

import re
import sys

import numpy as np
import pytest
from PIL import Image

from dmljax.demo import page, shown, training_side
from dmljax.demo.answers import Answer, Answers
from dmljax.inference.predictions import named
from dmljax.runs.record import Classes
from tests.demo.conftest import BOXES

pytestmark = pytest.mark.usefixtures("standard_promotion")


@pytest.fixture(scope="module")
def side(run, model):
    return training_side.read(model, run, most=1000, progress=False)


@pytest.fixture
def handlers(model, side):
    return page.Handlers(Answers(model), side)


@pytest.fixture
def photograph(rng):
    return rng.integers(0, 256, (40, 36, 3)).astype(np.uint8)


def shares(text, kind):
    section = re.search(rf'<section class="{kind}">.*?</section>', text)[0]
    return [float(share) for share in re.findall(r"([\d.]+) %", section)]


def test_a_whole_photograph(handlers, model, side, photograph):
    picture, count, answer, text = handlers.photograph(photograph, "whole")
    expected = model.predict([photograph], faces="whole")
    assert count == 1 and picture.dtype == np.uint8 and picture.shape[2] == 3
    np.testing.assert_array_equal(answer.predictions.embedding, expected.embedding)
    np.testing.assert_allclose(
        shares(text, "expression"), 100 * expected.expression_probability[0], atol=0.06
    )
    np.testing.assert_allclose(shares(text, "pose"), 100 * expected.pose_probability[0], atol=0.06)
    likeliest = re.search(r'class="bar likeliest"><span class="name">(\w+)', text)[1]
    assert likeliest == expected.expression[0]
    assert f"Yaw {expected.yaw[0]:+.0f}°" in text
    # as many neighbours as there are training people
    assert text.count('<figure class="person">') == 2 == len(set(side.people))
    nearest = np.linalg.norm(side.embedding - expected.embedding[0], axis=1)
    first = re.search(r'<figure class="person"><img src="([^"]+)"', text)[1]
    assert first == side.shown[nearest.argmin()]
    assert [float(d) for d in re.findall(r"distance ([\d.]+)", text)][0] == pytest.approx(
        nearest.min(), abs=6e-3
    )


def test_of_several_faces_the_largest_is_first(handlers, model, two_faces, photograph):
    handlers = page.Handlers(Answers(model), None)
    picture, count, answer, text = handlers.photograph(photograph, two_faces)
    assert count == 2 and text == handlers.face(answer, 1) != handlers.face(answer, 2)
    margin = model.config.crop.margin
    expected = model.embed([photograph] * 2, boxes=BOXES[::-1], margin=margin)
    np.testing.assert_array_equal(answer.predictions.embedding, expected)
    assert "figure" not in text
    # nothing is found in what is dark
    assert handlers.photograph(np.zeros_like(photograph), two_faces, "dark.png") == (
        None,
        0,
        None,
        shown.mistake("dark.png: no face found by two"),
    )


def test_a_file_and_none(handlers, photograph, tmp_path):
    Image.fromarray(photograph).save(tmp_path / "face.png")
    of_file = handlers.photograph(str(tmp_path / "face.png"), "whole")[3]
    assert of_file == handlers.photograph(photograph, "whole")[3]
    assert handlers.photograph(None, "whole") == (None, 0, None, "")
    assert handlers.face(None, 1) == ""


def test_bad_photographs_are_told(handlers, tmp_path):
    (tmp_path / "text.jpg").write_text("hello")
    told = lambda *given: handlers.photograph(*given)[3]
    assert "text.jpg: cannot be decoded" in told(str(tmp_path / "text.jpg"), "whole", "text.jpg")
    assert "photograph: cannot be opened" in told(str(tmp_path / "gone.jpg"), "whole")
    assert "is 1 x 1 pixels, too small for a face" in told(np.zeros((1, 1, 3), np.uint8), "whole")
    assert "&lt;b&gt;.png: is float64" in told(np.zeros((9, 9, 3)), "whole", "<b>.png")


def test_a_detector_that_is_not_installed_is_told(handlers, photograph, monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    picture, count, answer, text = handlers.photograph(photograph, "haar")
    assert (picture, count, answer) == (None, 0, None) and "install dmljax[detect]" in text


def test_names_are_no_markup_and_heads_may_be_missing():
    classes = Classes(("<i>", "b"), (), ())
    said = named(classes, np.array([[0.25, 0.75]], np.float32), None, np.zeros((1, 2), np.float32))
    text = shown.answer(
        Answer(np.zeros((9, 9, 3), np.uint8), np.zeros((1, 9, 9, 3), np.uint8), said), 0, None
    )
    assert "&lt;i&gt;" in text and "<i>" not in text and shares(text, "expression") == [25.0, 75.0]
    assert "Pose" not in text and "Yaw" not in text
    assert "<b>" not in shown.head("<b>", ["<b>"], "<b>")


def test_angles_of_a_head_are_told_without_a_pose():
    classes = Classes((), (), (), ("yaw", "roll"))
    angles = np.array([[12.4, np.nan, -3.0]], np.float32)
    said = named(classes, None, None, np.zeros((1, 2), np.float32), angles)
    text = shown.answer(
        Answer(np.zeros((9, 9, 3), np.uint8), np.zeros((1, 9, 9, 3), np.uint8), said), 0, None
    )
    assert "By the head for angles: yaw +12°, roll -3°." in text
