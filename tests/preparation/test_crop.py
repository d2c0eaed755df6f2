import csv
import importlib

import numpy as np
import pytest
from PIL import Image

from dmljax import plugins
from dmljax.data.images import load
from dmljax.data.reading import read_all
from dmljax.datasets import folder, synthetic
from dmljax.preparation import box_tables, crop, inventory
from dmljax.types import MISSING, Skipped, UserError


@pytest.fixture
def samples(tmp_path):
    folder.write_fixture(str(tmp_path / "set"))
    return folder.samples(str(tmp_path / "set"))


def table(path, header, *rows):
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([header.split(","), *rows])
    return str(path)


def test_square_boxes_stay_inside():
    assert crop.square((10, 20, 30, 40), 0.0, 100, 100) == (10, 20, 30, 40)
    # longer side 20, margin 5 on each side
    assert crop.square((10, 20, 30, 30), 0.25, 100, 100) == (5, 10, 35, 40)
    assert crop.square((0, 0, 20, 20), 0.25, 100, 100) == (0, 0, 30, 30)  # moved, not cut
    assert crop.square((90, 90, 130, 130), 0.0, 100, 100) == (60, 60, 100, 100)
    assert crop.square((0, 0, 100, 80), 0.5, 100, 80) == (10, 0, 90, 80)  # no larger than the image


def test_whole_images_and_boxes_a_view(samples, tmp_path):
    assert crop.apply(samples.replace(boxes=np.zeros((len(samples), 4), np.int32)), rule="none").boxes is None
    views = table(
        tmp_path / "v.csv",
        "pose,left,top,right,bottom",
        (-45, 0, 0, 20, 20),
        (0, 5, 8, 25, 28),
        (45, 10, 16, 30, 36),
    )
    boxed = crop.apply(samples, rule="views", table=views)
    assert {tuple(boxed.boxes[k]) for k in np.flatnonzero(boxed.pose == 1)} == {(5, 8, 25, 28)}
    written = tmp_path / "v.csv"
    written.write_text(written.read_text().replace("-45,", "-45.0,").replace("\n0,", "\n 0.0,"))
    np.testing.assert_array_equal(crop.apply(samples, rule="views", table=views).boxes, boxed.boxes)
    assert np.array_equal(
        load(boxed, 0, 20),
        np.asarray(Image.open(tmp_path / "set" / boxed.references[0]))[
            boxed.boxes[0][1] : boxed.boxes[0][3], boxed.boxes[0][0] : boxed.boxes[0][2]
        ],
    )


def test_boxes_with_swapped_corners_and_boxes_that_show_nothing(samples, tmp_path):
    """The same rectangle whichever corners are named; no area, or all of it outside, is no face."""
    few = samples.take(np.arange(5))
    rows = [(24, 26, 4, 6), (4, 26, 24, 6), (4, 6, 4, 6), (40, 0, 60, 20), (-9, -9, 21, 21)]
    boxes = table(
        tmp_path / "b.csv",
        "path,left,top,right,bottom",
        *((name, *row) for name, row in zip(few.references, rows)),
    )
    boxed = crop.apply(few, rule="boxes", table=boxes, margin=0, progress=False)
    assert boxed.boxes.tolist() == [[4, 6, 24, 26], [4, 6, 24, 26], [0, 0, 30, 30]]
    reasons = [skipped.reason for skipped in boxed.skipped if skipped.kind == crop.NO_FACE]
    assert len(reasons) == 2 and all("inside the image" in reason for reason in reasons)
    swapped = few.replace(boxes=np.tile([24, 26, 4, 6], (5, 1)))
    np.testing.assert_array_equal(load(swapped, 0, 20), load(boxed, 0, 20))
    views = table(
        tmp_path / "v.csv", "pose,left,top,right,bottom", (-45, 9, 9, 1, 1), (0, 0, 0, 9, 0), (45, 0, 0, 9, 9)
    )
    with pytest.raises(UserError, match="the box of the pose 0 has no area"):
        crop.apply(samples, rule="views", table=views)
    infinite = table(tmp_path / "i.csv", "path,left,top,right,bottom", (few.references[0], 0, 0, "inf", 9))
    with pytest.raises(UserError, match="'inf' is no number"):
        crop.apply(few, rule="boxes", table=infinite, progress=False)


def test_an_image_takes_no_box_of_another_of_its_name(samples, tmp_path):
    """By the whole name alone, or by a last part that no other image and no other line has."""
    few = samples.take(np.arange(4)).replace(references=("x/a.ppm", "y/a.ppm", "a.ppm", "z/b.ppm"))
    few = few.replace(read=lambda name: b"P6\n30 36\n255\n" + bytes(30 * 36 * 3))
    rows = (("y/a.ppm", 0, 0, 9, 9), ("a.ppm", 0, 0, 7, 7), ("b.ppm", 0, 0, 5, 5))
    faces, _ = crop.find(few, "boxes", table=table(tmp_path / "t.csv", "path,left,top,right,bottom", *rows))
    assert np.isnan(faces[0]).all() and faces[1:, 2].tolist() == [9, 7, 5]
    joined = few.replace(references=("folder#1:a.ppm", "folder#2:a.ppm", "folder#2:c.ppm", "folder#1:b.ppm"))
    rows = (
        ("folder#2:a.ppm", 0, 0, 9, 9),
        ("a.ppm", 0, 0, 7, 7),
        ("c.ppm", 0, 0, 6, 6),
        ("b.ppm", 0, 0, 5, 5),
    )
    faces, _ = crop.find(
        joined, "boxes", table=table(tmp_path / "j.csv", "path,left,top,right,bottom", *rows)
    )
    assert np.isnan(faces[0]).all() and faces[1:, 2].tolist() == [9, 6, 5]


@pytest.mark.parametrize(
    ("header", "row", "expected"),
    [
        ("path,left,top,right,bottom", ("{}", 4, 6, 24, 26), (4, 6, 24, 26)),
        (
            "input,FaceRectX,FaceRectY,FaceRectWidth,FaceRectHeight,FaceScore",
            ("/somewhere/else/{}", 4.2, 6, 20, 20, 0.9),
            (4, 6, 24, 26),
        ),
        ("filename,success,x_0,y_0,x_1,y_1", ("{}", 1, 4, 26, 24, 6), (4, 6, 24, 26)),
    ],
)
def test_tables_of_three_kinds(samples, tmp_path, header, row, expected):
    names = samples.references[:-1]  # the last image has no line
    path = table(tmp_path / "t.csv", header, *([str(cell).format(name) for cell in row] for name in names))
    boxed = crop.apply(samples, rule="boxes", table=path, margin=0.0)
    assert len(boxed) == len(samples) - 1 and tuple(boxed.boxes[0]) == expected
    assert crop.misses(boxed.skipped) == {"45": 1} and boxed.skipped[-1].reference == samples.references[-1]
    whole = crop.apply(samples, rule="boxes", table=path, margin=0.0, missed="whole")
    assert len(whole) == len(samples) and tuple(whole.boxes[-1]) == (0, 0, 30, 36)


@pytest.mark.parametrize("mark", [";", "\t"])
def test_a_table_as_a_spreadsheet_writes_it_where_a_comma_is_the_decimal_sign(samples, tmp_path, mark):
    lines = [
        ("path", *box_tables.EDGES),
        *((name, "4,4", "6,0", "24", "25,6") for name in samples.references),
    ]
    (tmp_path / "t.csv").write_text("".join(mark.join(line) + "\n" for line in lines))
    boxed = crop.apply(samples, rule="boxes", table=str(tmp_path / "t.csv"), margin=0.0)
    assert {tuple(box) for box in boxed.boxes.tolist()} == {(4, 6, 24, 26)}


def test_a_folder_of_tables_and_the_surest_of_several_faces(samples, tmp_path):
    (tmp_path / "open").mkdir()
    for name in samples.references:
        table(
            tmp_path / "open" / f"{name.removesuffix('.ppm')}.csv",
            "frame,confidence,success,x_0,y_0,x_1,y_1",
            (0, 0.2, 1, 0, 0, 30, 30),
            (0, 0.9, 1, 4, 6, 24, 26),
            (0, 1.0, 0, 0, 0, 9, 9),
        )
    boxed = crop.apply(samples, rule="boxes", table=str(tmp_path / "open"), margin=0.0)
    assert len(boxed) == len(samples) and {tuple(box) for box in boxed.boxes} == {(4, 6, 24, 26)}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"rule": "har"}, "Did you mean 'haar'"),
        ({"missed": "drop"}, "crop.missed"),
        ({"margin": -1}, "crop.margin"),
        ({"rule": "boxes"}, "from crop.table, a CSV file"),
        ({"rule": "views", "table": "x.csv"}, "'x.csv' cannot be read"),
    ],
)
def test_mistakes(samples, options, told):
    with pytest.raises(UserError, match=told):
        crop.apply(samples, **options)


def test_tables_that_say_nothing(samples, tmp_path):
    for header, rows, told in (
        ("path,x,y", [("a", 1, 2)], "neither the columns left"),
        ("path,left,top,right,bottom", [], "has no lines"),
        ("path,left,top,right,bottom", [("a", "b", 1, 2, 3)], "'b' is no number"),
        ("path,left,top,right,bottom", [("a", "", "", "", "")], "no box in"),
    ):
        with pytest.raises(UserError, match=told):
            crop.apply(samples, rule="boxes", table=table(tmp_path / f"{len(told)}.csv", header, *rows))
    with pytest.raises(UserError, match="has no box for the pose -45"):
        crop.apply(
            samples,
            rule="views",
            table=table(tmp_path / "p.csv", "pose,left,top,right,bottom", (0, 1, 1, 9, 9)),
        )


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] * (n == "mtcnn")) for n in plugins.names("detectors")]
)
def test_detectors_find_rendered_heads(name):
    """Whole heads seen from the front: the box holds the middle of the face, and a blank picture holds
    none.
    """
    if any(
        importlib.util.find_spec(module) is None
        for module in {"haar": ("cv2",), "dlib": ("cv2", "dlib"), "mtcnn": ("cv2", "mtcnn")}[name]
    ):
        pytest.skip("not installed")
    heads = synthetic.samples(identities=6, size=224, window="head")
    heads = heads.take(np.flatnonzero((heads.pose == 2) & (heads.expression == 0)))
    boxed = crop.apply(heads, rule=name, margin=0.1, progress=False)
    assert len(boxed) >= 4
    assert all(
        box[0] < 112 < box[2] and box[1] < 130 < box[3] and box[2] - box[0] == box[3] - box[1] > 60
        for box in boxed.boxes
    )
    blank = heads.replace(read=lambda _: np.full((200, 200, 3), 128, np.uint8))
    nothing = crop.apply(blank, rule=name, progress=False)
    assert len(nothing) == 0 and crop.misses(nothing.skipped) == {"0": len(heads)}


def test_misses_are_counted_by_pose_and_not_by_words(samples, tmp_path):
    """A class name with brackets, an image without a pose, and another reason that reads alike."""
    odd = samples.replace(pose_names=("left (half)", *samples.pose_names[1:]))
    odd.pose[-1] = MISSING
    path = table(
        tmp_path / "t.csv",
        "path,left,top,right,bottom",
        *((name, 4, 6, 24, 26) for k, name in enumerate(odd.references) if k not in (0, len(odd) - 1)),
    )
    boxed = crop.apply(odd, rule="boxes", table=path)
    alike = Skipped("x", "no face found by boxes (pose 45)")
    assert odd.pose[0] == 0 and crop.misses((*boxed.skipped, alike)) == {"left (half)": 1, "": 1}
    text = inventory.summary(boxed)
    assert "no face found: 1 x pose left (half), 1 x pose unknown" in text
    assert f"the first: {boxed.skipped[0].reference}: {boxed.skipped[0].reason}" in text


def test_unreadable_images_are_left_to_the_reader(samples, tmp_path):
    (tmp_path / "set" / samples.references[0]).write_bytes(b"no image")
    path = table(
        tmp_path / "t.csv",
        "path,left,top,right,bottom",
        *((name, 4, 6, 24, 26) for name in samples.references),
    )
    kept, _ = read_all(crop.apply(samples, rule="boxes", table=path), 16, keep=False, progress=False)
    assert len(kept) == len(samples) - 1 and "decoded" in kept.skipped[-1].reason
