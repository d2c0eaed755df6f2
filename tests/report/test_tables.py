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
    assert tables.classes(SCORE)[1:] == [["expression", "joy", "75.0", "4"], ["expression", "a|b", "-", "0"]]
    assert tables.folds(SCORE)[-2:] == [
        ["mean", "75.0"],
        ["deviation", f"{100 * np.std([0.5, 1], ddof=1):.1f}"],
    ]
    assert tables.summary(SCORE)[1] == ["expression accuracy", "75.0", "30.1 to 95.4"]


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


def test_no_log_no_curves(tmp_path):
    assert not plots.curves([], tmp_path / "curves.png", title="x") and not (tmp_path / "curves.png").exists()


def test_a_folder_without_metrics(tmp_path):
    with pytest.raises(UserError, match="evaluate the run first"):
        write.report(tmp_path)
