import csv

import numpy as np
import pytest

from dmljax.datasets import cmu_faces, sfew
from dmljax.preparation import annotations
from dmljax.types import UserError


def write(path, rows, header="reference,pose,identity"):
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header.split(","), *rows])
    return str(path)


@pytest.fixture
def films(tmp_path):
    sfew.write_fixture(str(tmp_path / "sfew"))
    return sfew.samples(str(tmp_path / "sfew"))


def test_labels_are_added_by_reference(films, tmp_path):
    names = films.references
    rows = [(names[4], "15", "ann"), (names[0], "-15", "bob"), (names[7], "up", ""), (names[9], "", "ann")]
    made = annotations.apply(films, write(tmp_path / "l.csv", rows))
    assert (
        made.pose_names == ("-15", "15", "up")
        and made.pose_yaw[:2] == (-15, 15)
        and np.isnan(made.pose_yaw[2])
    )
    assert made.pose_mirror == (1, 0, -1) and made.identity_names == ("ann", "bob")
    assert [int(made.pose[k]) for k in (0, 4, 7, 9, 1)] == [0, 1, 2, -1, -1]
    assert [int(made.identity[k]) for k in (0, 4, 7, 9, 1)] == [1, 0, -1, 0, -1]
    assert np.array_equal(films.pose, np.full(len(films), -1)) and np.array_equal(
        made.expression, films.expression
    )


def test_words_for_no_value_and_spellings_of_one_label(films, tmp_path):
    """As spreadsheets and pandas write them back; a formula that was quoted is the name again."""
    names = films.references
    rows = [
        (names[0], "-15.0", "Ann"),
        (names[1], " -15", "ann"),
        (names[2], "nan", "None"),
        (names[3], "15", "'=ann"),
        ("", "", ""),
    ]
    made = annotations.apply(films, write(tmp_path / "l.csv", rows))
    assert made.pose_names == ("-15", "15") and made.pose[:4].tolist() == [0, 0, -1, 1]
    assert made.identity_names == ("=ann", "Ann") and made.identity[:4].tolist() == [1, 1, -1, 0]
    told = "dataset.labels: taken as one pose: '-15', '-15.0'"
    assert told in made.notes and "dataset.labels: taken as one identity: 'Ann', 'ann'" in made.notes


def test_semicolons_between_cells_and_decimal_commas(films, tmp_path):
    one, other = films.references[:2]
    (tmp_path / "l.csv").write_text(f"reference;pose;identity\n{one};-22,5;ann\n{other};22,5;a,b\n")
    made = annotations.apply(films, str(tmp_path / "l.csv"))
    assert made.pose_yaw == (-22.5, 22.5) and made.identity_names == ("a,b", "ann")


def test_labels_that_are_there_are_corrected(tmp_path):
    cmu_faces.write_fixture(str(tmp_path / "cmu"))
    faces = cmu_faces.samples(str(tmp_path / "cmu"))
    made = annotations.apply(
        faces, write(tmp_path / "l.csv", [(faces.references[0], "up", "dora"), (faces.references[1], "", "")])
    )
    assert made.pose_names == faces.pose_names and made.pose_mirror == faces.pose_mirror and made.pose[0] == 3
    assert made.identity_names == (*faces.identity_names, "dora") and made.identity[0] == len(
        faces.identity_names
    )
    assert np.array_equal(made.pose[1:], faces.pose[1:]) and np.array_equal(
        made.identity[1:], faces.identity[1:]
    )


def test_what_was_written_is_read(films, tmp_path):
    rows = [
        dict(zip(annotations.COLUMNS, (name, "Angry", "0", "0.9", "p1", "0.4"))) for name in films.references
    ]
    annotations.write(tmp_path / "l.csv", rows)
    made = annotations.apply(films, str(tmp_path / "l.csv"))
    assert (made.pose == 0).all() and (made.identity == 0).all()


@pytest.mark.parametrize(
    ("rows", "header", "told"),
    [
        (
            [("nowhere.png", "0", "a")],
            "reference,pose,identity",
            "names 1 images that sfew does not have, e.g. 'nowhere.png'",
        ),
        ([("a", "0")], "reference,pose", "lacks the column identity; its header has reference, pose"),
        ([], "", "lacks the columns reference, pose and identity"),
        ([("same", "0", "a"), ("same", "0", "a")], "reference,pose,identity", "names 'same' twice"),
    ],
)
def test_mistakes(films, tmp_path, rows, header, told):
    with pytest.raises(UserError, match=told):
        annotations.apply(films, write(tmp_path / "l.csv", rows, header))
    with pytest.raises(UserError, match="cannot be read"):
        annotations.apply(films, str(tmp_path / "none.csv"))
