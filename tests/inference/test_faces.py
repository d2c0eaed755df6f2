"""Faces are cut and resized to the very pixels that training reads, whatever the file and the rule."""

import io

import numpy as np
import pytest
from PIL import Image

import dmljax
from dmljax.data import images
from dmljax.datasets import folder
from dmljax.inference import faces, rows
from dmljax.inference.predictions import named
from dmljax.inference.raw import raw
from dmljax.preparation import crop
from dmljax.runs.record import Classes
from dmljax.types import Unreadable, UserError

SIZE = 24


def encoded(image, form, **how):
    file = io.BytesIO()
    image.save(file, form, **how)
    return file.getvalue()


def turned(image):
    exif = image.getexif()
    exif[274] = 6
    return encoded(image, "JPEG", exif=exif, quality=95)


def pictures():
    """Contents of files by name: large enough that a JPEG is decoded smaller."""
    colour = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 32, 3)).astype(np.uint8))
    large = colour.resize((320, 400))
    grey = (np.asarray(large.convert("L")).astype(np.uint16) << 8) + 77
    clear = large.copy()
    clear.putalpha(large.convert("L"))
    return {
        "large.jpg": encoded(large, "JPEG", quality=95),
        "cmyk.jpg": encoded(large.convert("CMYK"), "JPEG"),
        "turned.jpg": turned(large),
        "deep.png": encoded(Image.fromarray(grey), "PNG"),
        "deep.tif": encoded(Image.fromarray(grey), "TIFF"),
        "clear.png": encoded(clear, "PNG"),
        "palette.gif": encoded(large.convert("P"), "GIF"),
    }


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    place = tmp_path_factory.mktemp("set")
    for name, content in pictures().items():
        (place / name).write_bytes(content)
    lines = [f"{name},joy,0,p{k}" for k, name in enumerate(pictures())]
    (place / "manifest.csv").write_text("\n".join(["path,expression,pose,identity", *lines]) + "\n")
    (place / "detectors").mkdir()
    (place / "detectors" / "bright.py").write_text(
        "def build(*, side=480):\n"
        "    return lambda image: (30.0, 40.5, 30 + image[0, 0, 0] / 4 + 99.0, 210.0)\n"
    )
    return folder.samples(str(place)), place


def configured(**fields):
    return dmljax.get_config("quick", {"data.image_size": SIZE, **fields})


@pytest.mark.parametrize("name", pictures())
def test_whole_images_are_those_of_the_training(samples, name):
    found, place = samples
    rule = faces.rule_of(configured(**{"crop.rule": "none"}), "", None)
    k = found.references.index(name)
    expected = images.load(crop.apply(found, rule="none"), k, SIZE)
    read = faces.read(raw(place / name), rule, None)
    np.testing.assert_array_equal(read.pixels[0], expected)
    assert read.boxes.tolist() == [[0, 0, 400, 320] if name == "turned.jpg" else [0, 0, 320, 400]]


@pytest.mark.parametrize("name", pictures())
def test_boxes_of_a_table_and_of_a_detector_are_cut_as_in_the_training(samples, name, tmp_path):
    found, place = samples
    dmljax.plugins.add_folder(place)
    k = found.references.index(name)
    fields = {"crop.rule": "bright", "crop.margin": 0.15}
    rule = faces.rule_of(configured(**fields), "", None)
    boxed = crop.apply(found, rule="bright", margin=0.15, progress=False)
    read = faces.read(raw(place / name), rule, faces.detector(rule, every=True))
    np.testing.assert_array_equal(read.pixels[0], images.load(boxed, k, SIZE))
    box = (31.5, 50.0, 140.25, 200.0)
    (tmp_path / "boxes.csv").write_text(f"path,left,top,right,bottom\n{name},{','.join(map(str, box))}\n")
    few = found.take(np.array([k]))
    boxed = crop.apply(few, rule="boxes", table=str(tmp_path / "boxes.csv"), margin=0.15, progress=False)
    rule = faces.rule_of(configured(**fields | {"crop.rule": "boxes"}), "boxes.csv", None)
    read = faces.read(raw(place / name), rule, None, [box])
    np.testing.assert_array_equal(read.pixels[0], images.load(boxed, 0, SIZE))


def test_which_rule_is_taken(samples):
    dmljax.plugins.add_folder(samples[1])
    rule = lambda own, *wanted: faces.rule_of(configured(**{"crop.rule": own, "crop.margin": 0.3}), *wanted)[
        :2
    ]
    assert rule("bright", "", None) == ("bright", 0.3)
    assert rule("bright", "whole", None) == ("whole", 0.3)  # of boxes; whole images have none
    assert rule("set", "", None) == rule("views", "", None) == ("whole", None)
    assert rule("set", "", 0.1) == ("whole", 0.1)
    assert rule("set", "bright", None) == ("bright", 0.3) and rule("boxes", "x.csv", None) == ("whole", 0.3)
    with pytest.raises(UserError, match="Did you mean 'bright'"):
        rule("set", "brigth", None)


def test_boxes_that_stick_out_are_cut_off_and_no_numbers_are_refused():
    image = np.arange(50 * 40 * 3, dtype=np.uint8).reshape(50, 40, 3)
    rule = faces.Rule("whole", None, 480, "skip", 10)
    read = faces.read(
        image, rule, None, [(-3.0, 10.0, 40.4, 50.0), (5.0, 5.0, 5.3, 15.0), (60.0, 0.0, 70.0, 9.0)]
    )
    assert read.boxes.tolist() == [[-3.0, 10.0, 40.4, 50.0], [5.0, 5.0, 5.3, 15.0]]
    np.testing.assert_array_equal(read.pixels[0], images.fit(image, (0, 10, 40, 50), 10))
    np.testing.assert_array_equal(read.pixels[1], images.fit(image, (5, 5, 6, 15), 10))
    with pytest.raises(Unreadable, match="has a box that is no number"):
        faces.read(image, rule, None, [(np.nan, 0.0, 20.0, 20.0)])


def test_images_without_faces():
    image = np.full((50, 40, 3), 99, np.uint8)
    rule = faces.Rule("bright", 0.1, 480, "skip", SIZE)
    with pytest.raises(Unreadable, match="no face found by bright"):
        faces.read(image, rule, lambda image: [])
    with pytest.raises(Unreadable, match="no face found inside the image by bright"):
        faces.read(image, rule, lambda image: [(60.0, 0.0, 90.0, 30.0)])
    assert faces.read(image, rule._replace(missed="whole"), lambda image: []).boxes.tolist() == [
        [0, 0, 40, 50]
    ]

    def stumbles(image):
        raise RuntimeError("bad\nshape")

    with pytest.raises(Unreadable, match="cannot be searched for faces \\(bad shape\\)"):
        faces.read(image, rule, stumbles)


def test_rows_of_a_network_with_one_head_and_poses_that_are_no_yaws():
    classes = Classes((), ("left", "up"), (float("nan"), float("nan")))
    pose = np.array([[0.25, 0.75]], np.float32)
    found = named(classes, None, pose, np.zeros((1, 2), np.float32))
    assert found.expression is None and found.confidence is None and np.isnan(found.yaw).all()
    given = {"file": "a"}, np.array([[0.0, 1.0, 2.5, 1 / 3]]), [0], found
    (row,) = rows.flat(*given, embedding=False)
    assert row == {
        **{"file": "a", "face": 0, "left": "0", "top": "1", "right": "2.5", "bottom": "0.333333"},
        **{"pose": "up", "pose_confidence": "0.75", "pose_left": "0.25", "pose_up": "0.75", "yaw": ""},
    }
    (line,) = rows.nested(*given, embedding=True)
    assert line["yaw"] is None and line["embedding"] == [0.0, 0.0] and "expression" not in line
    assert line["pose_probability"] == {"left": 0.25, "up": 0.75}
