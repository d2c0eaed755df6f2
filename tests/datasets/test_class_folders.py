"""Trees of class folders: parts, classes that are digits, what lies beside, and what cannot be used."""

import zipfile

import numpy as np
import pytest
from PIL import Image

from dmljax.data.reading import read_all
from dmljax.datasets import class_folders
from dmljax.types import UserError


def tree(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 6, 3), 90, np.uint8)).save(root / name)
    return str(root)


def test_folders_are_the_classes_by_name(tmp_path):
    found = class_folders.samples(
        tree(tmp_path, "happy/a.jpg", "angry/b.png", "happy/deep/c.jpg", "sad/a.jpg")
    )
    assert found.expression_names == ("angry", "happy", "sad")
    assert dict(zip(found.references, found.expression.tolist())) == {
        "angry/b.png": 0,
        "happy/a.jpg": 1,
        "happy/deep/c.jpg": 1,
        "sad/a.jpg": 2,
    }
    assert found.partition is None and found.pose_names == found.identity_names == ()
    assert (found.pose == -1).all() and (found.identity == -1).all() and found.notes == ()


def test_digits_stay_names_in_the_order_of_their_values(tmp_path):
    names = class_folders.samples(tree(tmp_path, "10/a.png", "2/b.png", "1/c.png")).expression_names
    assert names == ("1", "2", "10")


@pytest.mark.parametrize(
    ("parts", "numbers"),
    [
        (("train", "test"), (0, 1)),
        (("Train", "Val"), (0, 1)),  # a validation part that is the only other one tests
        (("training", "validation", "testing"), (0, 2, 1)),
        (("train", "valid", "test"), (0, 2, 1)),
        (("train",), None),
        (("test", "val"), None),  # there is nothing to train on: no split that could be used
    ],
)
def test_parts_are_the_split(tmp_path, parts, numbers):
    root = tree(tmp_path, *(f"{part}/{name}/x.png" for part in parts for name in ("1", "2")))
    found = class_folders.samples(root)
    assert found.expression_names == ("1", "2") and len(found) == 2 * len(parts)
    if numbers is None:
        assert found.partition is None
    else:
        sides = {name.split("/")[0]: int(side) for name, side in zip(found.references, found.partition)}
        assert sides == dict(zip(parts, numbers))


def test_folders_above_that_hold_one_folder_alone_do_not_count(tmp_path):
    root = tree(tmp_path, *(f"data/fer/{part}/{k}/x.png" for part in ("train", "test") for k in "12"))
    found = class_folders.samples(root)
    assert found.expression_names == ("1", "2") and found.partition.tolist() == [1, 1, 0, 0]


def test_one_class_in_two_spellings_is_told(tmp_path):
    found = class_folders.samples(tree(tmp_path, "train/Happy/a.png", "train/sad/a.png", "test/happy/b.png"))
    assert len(found.expression_names) == 2
    assert "class_folders: taken as one class: 'Happy', 'happy'" in found.notes


def test_what_lies_beside_is_listed_or_counted(tmp_path):
    root = tree(tmp_path, "train/1/a.png", "train/2/a.png", "test/1/a.png", "test/loose.png", "extra/3/a.png")
    (tmp_path / "train" / "1" / "list.txt").write_text("no image")
    (tmp_path / "train" / "7").mkdir()
    found = class_folders.samples(root)
    assert [(s.reference, s.reason) for s in found.skipped] == [
        ("extra/3/a.png", "it is below neither train nor test nor validation"),
        ("train/7", "a class folder without an image"),
    ]
    assert found.notes == (
        "class_folders: not taken: 1 files that are no images (e.g. 'train/1/list.txt');"
        " 1 images in no class folder (e.g. 'test/loose.png')",
    )


def test_a_class_without_a_training_image_is_told(tmp_path):
    root = tree(tmp_path, "train/1/a.png", "train/2/a.png", "test/1/a.png", "test/9/a.png")
    assert "class_folders: no training image of the class 9" in class_folders.samples(root).notes


def test_an_image_that_cannot_be_read_is_skipped_by_name(tmp_path):
    root = tree(tmp_path, "1/a.png", "2/a.png")
    (tmp_path / "1" / "broken.jpg").write_bytes(b"no image")
    found, _ = read_all(class_folders.samples(root), 8, progress=False)
    assert len(found) == 2
    assert [(s.reference, s.kind) for s in found.skipped] == [("1/broken.jpg", "cannot be decoded")]


def test_folders_may_be_archives(tmp_path):
    tree(tmp_path, "train/1/a.png", "train/2/a.png")
    with zipfile.ZipFile(tmp_path / "train" / "3.zip", "w") as archive:
        archive.write(tmp_path / "train" / "1" / "a.png", "inner/a.png")
    found = class_folders.samples(str(tmp_path))
    assert found.expression_names == ("1", "2", "3")
    assert found.read(found.references[-1]) == (tmp_path / "train" / "1" / "a.png").read_bytes()


def test_classes_may_be_poses(tmp_path):
    found = class_folders.samples(tree(tmp_path, "-30/a.png", "0/a.png", "30/a.png"), classes="pose")
    assert found.pose_names == ("-30", "0", "30") and found.pose_yaw == (-30.0, 0.0, 30.0)
    assert found.pose_mirror == (2, 1, 0) and found.expression_names == ()
    root = tree(tmp_path / "words", "left/a.png", "right/a.png")
    words = class_folders.samples(root, classes="pose", mirrors="left:right")
    assert words.pose_mirror == (1, 0)


@pytest.mark.parametrize(
    ("names", "options", "said"),
    [
        (
            ["happy/a.png"],
            {},
            "has one class only, 'happy', and nothing can be told apart; expected a folder",
        ),
        (["a.png", "b.png"], {}, "no file named <class>/\\*.jpg below .* .2 other files, e.g. 'a.png'."),
        ([], {}, "no file named <class>/\\*.jpg"),
        (["1/a.png", "2/a.png"], {"classes": "age"}, "classes must be one of expression, pose, got 'age'"),
        (
            ["l/a.png", "r/a.png"],
            {"classes": "pose", "mirrors": "l:x"},
            "class_folders: mirrors has 'x', which is no pose; there are l, r",
        ),
    ],
)
def test_what_cannot_be_used_is_one_clear_line(tmp_path, names, options, said):
    with pytest.raises(UserError, match=said):
        class_folders.samples(tree(tmp_path, *names), **options)
