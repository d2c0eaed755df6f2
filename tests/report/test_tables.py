import csv
import json

import numpy as np
import pytest
from PIL import Image

from dmljax.report import plots, tables, write
from dmljax.types import UserError

SCORE = {
    "run": "2 folds",
    "dataset": "toy",
    "people": 3,
    "yaw": [0.0, None],
    "names": {"expression": ["joy", "a|b"], "pose": ["0", "up"]},
    "confusion": {"expression": [[3, 1], [0, 0]]},
    "cells": {"hits": [[3, 0], [0, 0]], "counts": [[3, 1], [0, 0]]},
    "scores": {"expression accuracy": 0.75, "expression macro-F1": 0.5},
    "intervals": {"expression accuracy": [0.301, 0.954]},
    "intervals_over": "people",
    "class_intervals": {"expression": [[0.4, 0.92], None]},
    "cell_intervals": [[[0.5, 1], [0, 0.5], [0.4, 0.92]], [None] * 3, [[0.5, 1], [0, 0.5], [0.4, 0.92]]],
    "recall": {"expression": [0.75, None]},
    "folds": [{"run": "fold_0", "expression accuracy": 0.5}, {"run": "fold_1", "expression accuracy": 1.0}],
}


def test_numbers_and_empty_cells():
    assert tables.cells(SCORE) == [
        ["expression \\ pose", "0", "up", "all"],
        ["joy", "100.0", "0.0", "75.0"],
        ["a|b", "-", "-", "-"],
        ["all", "100.0", "0.0", "75.0"],
    ]
    assert tables.classes(SCORE)[1:] == [
        ["expression", "joy", "75.0", "40.0 to 92.0", "4"],
        ["expression", "a|b", "-", "", "0"],
    ]
    assert tables.folds(SCORE)[-2:] == [
        ["mean", "75.0"],
        ["deviation", f"{100 * np.std([0.5, 1], ddof=1):.1f}"],
    ]
    assert tables.summary(SCORE)[1] == ["expression accuracy", "75.0", "30.1 to 95.4"]
    assert tables.cell_intervals(SCORE)[1:3] == [
        ["joy", "50.0 to 100.0", "0.0 to 50.0", "40.0 to 92.0"],
        ["a|b", "-", "-", "-"],
    ]


def test_what_intervals_are_over_is_said():
    assert tables.of_intervals(SCORE) == "95 % intervals over the 3 people"
    assert tables.of_intervals(SCORE | {"images_of_nobody": 2}).endswith(
        "3 people and 2 images of unknown people"
    )
    assert tables.of_intervals(SCORE | {"intervals_over": "images"}).endswith("as no person is known")
    before = {key: value for key, value in SCORE.items() if key != "intervals_over"}
    assert tables.of_intervals(before) == "95 % intervals (Wilson) of images taken as independent"


def test_markdown_keeps_its_columns():
    lines = tables.markdown([["a|b", "c"], ["1", "2"]]).splitlines()
    assert lines == ["| a\\|b | c |", "|---|---:|", "| 1 | 2 |"]


def test_a_report_is_written_and_read_back(tmp_path):
    folder = tmp_path / "evaluation"
    folder.mkdir()
    (folder / "metrics.json").write_text(json.dumps(SCORE))
    log = [
        {"step": s, "loss/total": 3.0 / s, "loss/expression": 1.0 / s, "weight/expression": 1.0}
        for s in (1, 2, 3)
    ]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(line) + "\n" for line in log))
    text = write.report(folder)
    assert "expression accuracy: 75.0 %" in text and str(folder) in text
    assert list(csv.reader((folder / "expression_by_pose.csv").read_text().splitlines())) == tables.cells(
        SCORE
    )
    for name in ("confusion_expression.png", "expression_by_pose.png", "curves.png"):
        picture = np.asarray(Image.open(folder / name).convert("L"))
        assert min(picture.shape) > 100 and picture.std() > 5


def test_a_set_without_poses_has_no_picture_of_them(tmp_path):
    folder = tmp_path / "evaluation"
    folder.mkdir()
    none = {
        "names": SCORE["names"] | {"pose": []},
        "yaw": [],
        "cells": {"hits": [[], []], "counts": [[], []]},
    }
    (folder / "metrics.json").write_text(json.dumps(SCORE | none))
    assert "expression accuracy: 75.0 %" in write.report(folder)
    assert {path.name for path in folder.glob("*.png")} == {"confusion_expression.png"}


def test_no_log_no_curves(tmp_path):
    assert not plots.curves([], tmp_path / "curves.png", title="x") and not (tmp_path / "curves.png").exists()


def test_a_folder_without_metrics(tmp_path):
    with pytest.raises(UserError, match="evaluate the run first"):
        write.report(tmp_path)


def test_who_was_tested_and_classes_that_are_alone():
    score = {
        "people": 3,
        "confusion": {"expression": [[0, 0], [1, 4]], "pose": [[2, 1], [0, 2]]},
        "names": {"expression": ["joy", "fear"], "pose": ["0", "45"]},
    }
    assert tables.of_people(score) == "3 people, never seen in training"
    assert tables.of_people(score | {"people_trained": 2}) == "3 people, 2 of them also trained on"
    assert tables.of_people(score | {"people_trained": None}).endswith(
        "of another set than that of the training"
    )
    assert tables.of_people(score | {"people": 1}).startswith("1 person,")
    assert tables.of_people(score | {"people": 0}) == ""
    (line,) = tables.single_classes(score)
    assert line.startswith("All test images have one expression, fear:")
