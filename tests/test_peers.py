"""Programs that are not ours beside runs: crops as a training cuts them, and the table's numbers by hand."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dmljax import writing

PEERS = Path(__file__).parent.parent / "benchmarks" / "peers"


def program(name: str, *flags: str, fails: bool = False) -> str:
    done = subprocess.run([sys.executable, PEERS / name, *flags], capture_output=True, text=True)
    assert bool(done.returncode) == fails, done.stderr
    return done.stderr if fails else done.stdout


def table(folder: Path, *flags: str) -> list[dict]:
    """The rows of a table of what lies in the folder."""
    program("table.py", f"--crops={folder}", f"--out={folder / 'rows'}", *flags)
    return [json.loads(line) for line in (folder / "rows").read_text().splitlines()]


@pytest.fixture
def crops(tmp_path):
    """Three people: three, two and one faces."""
    faces = [
        ("a", "happy", "left"),
        ("a", "happy", "front"),
        ("a", "sad", "front"),
        ("b", "sad", "left"),
        ("b", "happy", "front"),
        ("c", "sad", "left"),
    ]
    rows = [(f"{k}.png", f"set/{k}", *face) for k, face in enumerate(faces)]
    writing.table(tmp_path / "crops.csv", [("file", "reference", "identity", "expression", "pose"), *rows])
    return tmp_path


def test_expressions_of_the_set_alone_ties_and_faces_that_are_not_found(crops):
    answers = [
        ("file", "happiness", "sadness", "anger", "yaw"),
        ("0.png", 0.3, 0.2, 0.9, 1),  # anger is not asked for
        ("1.png", 0.0, 0.0, 1.0, 1),  # a tie
        ("2.png", 0.6, 0.4, 0.0, 1),
        ("3.png", 0.1, 0.9, 0.0, 1),
        ("5.png", 0.2, 0.8, 0.0, 1),  # 4 is not found
    ]
    writing.table(crops / "answers.csv", answers)
    (row,) = table(crops, f"--answers=other={crops / 'answers.csv'}")
    assert row["found"] == 5 and row["faces"] == 6 and row["people"] == 3
    assert row["accuracy"] == pytest.approx((1 + 0.5 + 1 + 1) / 6)
    assert row["of the found"] == pytest.approx(3.5 / 5)
    low, high = row["interval"]
    assert 0 < low < 3.5 / 6 < high < 1


def test_runs_of_two_seeds_and_what_a_program_differs_by(crops):
    labels = ["happy", "happy", "sad", "sad", "happy", "sad"]
    for seed, wrong in enumerate(({0}, {0, 1, 5})):
        rows = [
            (f"set/{k}", label, "none" if k in wrong else label, "front", "front")
            for k, label in enumerate(labels)
        ]
        head = ("reference", "expression", "expression_predicted", "pose", "pose_predicted")
        writing.table(crops / f"{seed}.csv", [head, *rows])
    answers = [("file", "happy", "sad"), *((f"{k}.png", 1.0, 0.0) for k in range(6))]
    writing.table(crops / "answers.csv", answers)
    flags = [f"--run=ours={crops / '0.csv'},{crops / '1.csv'}", f"--answers=glad={crops / 'answers.csv'}"]
    ours, other = table(crops, *flags)
    assert ours["seeds"] == 2 and ours["accuracy"] == pytest.approx((5 / 6 + 3 / 6) / 2)
    assert other["accuracy"] == 0.5
    shown = program("table.py", f"--crops={crops}", *flags)
    assert "| -16.7 |" in shown.splitlines()[-1]  # less than ours: 50 - 66.7


@pytest.mark.parametrize(
    ("text", "head", "said"),
    [
        ("", "expression", "has no column file; it has none"),
        ("file,happiness\n0.png,0.1,9\n", "expression", "the row of '0.png' has more or fewer cells"),
        ("file,happiness,sadness\n0.png,0.1\n", "expression", "the row of '0.png' has more or fewer cells"),
        ("file,happiness\n0.png,nan\n", "expression", "happiness of '0.png' must be a number; got 'nan'"),
        ("file,happiness\n0.png,much\n", "expression", "happiness of '0.png' must be a number; got 'much'"),
        ("file,yaw,pitch\n0.png,left,0\n", "pose", "yaw of '0.png' must be a number; got 'left'"),
        ("file,yaw\n0.png,1\n", "pose", "has no column pitch; it has file, yaw"),
    ],
)
def test_answers_that_are_none(crops, text, head, said):
    (crops / "answers.csv").write_text(text)
    given = f"--answers=other={crops / 'answers.csv'}"
    told = program("table.py", f"--crops={crops}", f"--head={head}", given, fails=True)
    assert said in told and len(told.splitlines()) == 1, told


def test_answers_that_are_no_text_and_faces_named_twice(crops):
    (crops / "answers.csv").write_bytes(bytes(range(256)))
    given = f"--answers=other={crops / 'answers.csv'}"
    told = program("table.py", f"--crops={crops}", given, fails=True)
    assert "answers.csv' is no table of text" in told and len(told.splitlines()) == 1
    (crops / "answers.csv").write_text("file,happiness\n0.png,1\n")
    with open(crops / "crops.csv", "a") as file:
        file.write("0.png,set/9,d,happy,left\n")
    told = program("table.py", f"--crops={crops}", given, fails=True)
    assert "crops.csv names the file '0.png' twice" in told and len(told.splitlines()) == 1


def test_poses_by_the_means_of_other_people(crops):
    """The left of b, who turns little, is nearer to the front of the others, and only by himself not; the
    front of a is.
    """
    angles = [(-30, 0), (1, 0), (0, 2), (-12, 0), (2, 0), (-28, 0)]
    writing.table(
        crops / "answers.csv",
        [("file", "yaw", "pitch"), *((f"{k}.png", *pair) for k, pair in enumerate(angles))],
    )
    (row,) = table(crops, "--head=pose", f"--answers=other={crops / 'answers.csv'}")
    assert row["head"] == "pose" and row["accuracy"] == pytest.approx(5 / 6)


def test_crops_are_what_a_training_sees(tmp_path, rng):
    pixels = np.uint8(rng.integers(0, 256, (40, 30, 3)))
    for name in ("one", "two"):
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    (tmp_path / "manifest.csv").write_text("path,expression,identity\none.png,happy,7\ntwo.png,sad,8\n")
    (tmp_path / "boxes.csv").write_text("path,left,top,right,bottom\none.png,4,10,20,26\ntwo.png,0,0,16,16\n")
    flags = [
        "--config=manifest",
        f"--config.dataset.root={tmp_path}",
        "--config.crop.rule=boxes",
        f"--config.crop.table={tmp_path / 'boxes.csv'}",
        "--config.crop.margin=0",
        f"--out={tmp_path / 'out'}",
        "--side=16",
    ]
    program("crops.py", *flags)
    cut = np.asarray(Image.open(tmp_path / "out" / "000000.png"))
    np.testing.assert_array_equal(cut, pixels[10:26, 4:20])
    lines = (tmp_path / "out" / "crops.csv").read_text().splitlines()
    assert lines[0] == "file,reference,identity,expression,pose" and lines[1].startswith(
        "000000.png,one.png,"
    )
    assert "is there and not empty; give another folder" in program("crops.py", *flags, fails=True)
