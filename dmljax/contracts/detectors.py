"""What every face detector keeps: a box around a face that is there, None where there is none.

Tests take a fixture `plugin`, the detector's module. The faces are rendered ones, whole heads from the front.
"""

import numpy as np
import pytest

from dmljax.datasets import synthetic

SIDE = 224  # of the pictures, pixels


@pytest.fixture(scope="module")
def faces():
    heads = synthetic.samples(identities=6, size=SIDE, window="head")
    front = np.flatnonzero((heads.pose == 2) & (heads.expression == 0))
    return [heads.read(heads.references[k]) for k in front]


def test_faces_from_the_front_are_found(plugin, faces):
    detect = plugin.build(side=480)
    boxes = [box for image in faces if (box := detect(image)) is not None]
    assert len(boxes) >= 4, f"found in {len(boxes)} of {len(faces)} rendered heads from the front"
    for left, top, right, bottom in boxes:
        box = f"({left}, {top}, {right}, {bottom}) in a picture of {SIDE} x {SIDE} pixels"
        assert left < SIDE / 2 < right and top < 130 < bottom, f"the box {box} misses the face's middle"
        assert 40 < max(right - left, bottom - top) < 2 * SIDE, f"the box {box} has another size than a face"


def test_a_box_is_in_pixels_of_the_picture_whatever_side_is_searched(plugin, faces):
    image = next(image for image in faces if plugin.build(side=480)(image) is not None)
    larger = np.repeat(np.repeat(image, 2, 0), 2, 1)
    box, twice = plugin.build(side=480)(image), plugin.build(side=480)(larger)
    assert twice is not None, "a face is found in a picture, and not in the same at twice its size"
    np.testing.assert_allclose(np.array(twice, float) / 2, np.array(box, float), atol=0.15 * SIDE)


def test_a_blank_picture_has_no_face(plugin):
    detect = plugin.build(side=480)
    for level in (0, 128, 255):
        found = detect(np.full((200, 160, 3), level, np.uint8))
        assert found is None, f"a face in a picture whose pixels are all {level}: {found}"


def test_every_face_begins_with_the_one_that_is_found_alone(plugin, faces):
    """`build_every` is by choice."""
    if not hasattr(plugin, "build_every"):
        return
    alone, every = plugin.build(side=480), plugin.build_every(side=480)
    for image in faces[:2]:
        one, several = alone(image), every(image)
        assert isinstance(several, list), f"build_every gives a list of boxes, got {type(several).__name__}"
        assert several[:1] == ([] if one is None else [one]), f"{several} does not begin with {one}"
    both = np.concatenate(faces[:2], 1)
    boxes = every(both)
    assert len(boxes) >= 1, "two faces side by side, each of which is found alone, and none is found"
    assert every(np.full((50, 40, 3), 128, np.uint8)) == [], "a face in a picture that is grey all over"
