"""Who tested a run, read from its folder, whole, older or broken."""

import json

import pytest

from dmljax import run_folder, writing
from dmljax.studies import tested

HEADER = ("reference", "identity", "expression", "expression_predicted", "pose")
ROWS = [
    ("1.png", "ann", "sad", "sad", "left"),
    ("2.png", "ann", "sad", "happy", "left"),
    ("3.png", "bob", "happy", "happy", ""),
    ("4.png", "bob", "", "happy", "left"),  # no label: not counted
]


@pytest.fixture
def run(tmp_path):
    return lambda name, rows=ROWS, train=8: _write(tmp_path / name, rows, train)


def _write(folder, rows, train):
    (folder / run_folder.EVALUATION).mkdir(parents=True)
    writing.table(folder / run_folder.EVALUATION / run_folder.PREDICTIONS, [HEADER, *rows])
    sides = {"train": [f"t{k}" for k in range(train)], "validation": ["v"], "test": [row[0] for row in rows]}
    (folder / run_folder.SPLIT).write_text(json.dumps(sides))
    return folder


def test_people_sizes_and_hits(run):
    found = tested.read(run("whole"))
    assert found["ratio"] == 4 / 8
    assert found["people"] == {"expression accuracy": {"ann": (2, 1), "bob": (1, 1)}}  # no pose was predicted


def test_the_same_people_are_one_split_whatever_their_images(run):
    whole = tested.read(run("whole"))["tested"]
    assert tested.read(run("fewer", ROWS[1:]))["tested"] == whole
    assert tested.read(run("others", [*ROWS, ("5.png", "cy", "sad", "sad", "left")]))["tested"] != whole


def test_unknown_people_are_images(run):
    unknown = [(image, "", *rest) for image, _, *rest in ROWS]
    found, fewer = tested.read(run("unknown", unknown)), tested.read(run("fewer", unknown[1:]))
    assert found["people"] == {} and found["tested"] != fewer["tested"]


def test_older_and_broken_folders_say_less(run, tmp_path):
    assert tested.read(tmp_path / "none") == {"tested": None, "ratio": None, "people": {}}
    old = run("old")
    (old / run_folder.EVALUATION / run_folder.PREDICTIONS).unlink()
    found = tested.read(old)
    assert found["tested"] and found["ratio"] == 4 / 8 and found["people"] == {}
    broken = run("broken")
    (broken / run_folder.SPLIT).write_text("[")
    (broken / run_folder.EVALUATION / run_folder.PREDICTIONS).write_bytes(b"\xff\x00")
    assert tested.read(broken) == {"tested": None, "ratio": None, "people": {}}
