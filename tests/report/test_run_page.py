"""Pages of runs: what is there is shown, what is missing or broken is said, nothing comes from the
network.
"""

import json
import re

import numpy as np
import pytest
from PIL import Image

from dmljax.report import page, run_page
from dmljax.types import UserError


@pytest.fixture
def run(tmp_path):
    """A run folder as training, evaluation and the collection of hard images leave it, without pictures of
    curves and poses.
    """
    folder = tmp_path / "first<run>"
    evaluation = folder / "evaluation"
    (evaluation / "hardest").mkdir(parents=True)
    score = {
        "dataset": "synthetic",
        "run": "first",
        "people": 3,
        "names": {"expression": ["anger", "joy"], "pose": ["0", "45"]},
        "scores": {"expression accuracy": 0.75},
        "intervals": {"expression accuracy": [0.6, 0.85]},
        "recall": {"expression": [0.75, 0.75]},
        "confusion": {"expression": [[3, 1], [1, 3]]},
        "cells": {"hits": [[2, 1], [3, 0]], "counts": [[2, 2], [4, 0]]},
    }
    (evaluation / "metrics.json").write_text(json.dumps(score))
    config = {
        "dataset": {"name": "synthetic"},
        "data": {"image_size": 48},
        "model": {"branches": ["face"], "pose_head": False},
        "backbone": {"name": "resnet", "resnet": {"depth": 18, "width": 16, "stages": [1, 1]}},
        "losses": {"triplets": []},
        "weighting": {"name": "dwa"},
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "versions.json").write_text(json.dumps({"jax": "0.10.2"}))
    (folder / "train.jsonl").write_text(
        '{"step": 10, "steps_per_second": 4.0}\n{"step": 1200, "steps_per_second": 6.0}\n'
    )
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(evaluation / "hardest" / "000001.png")
    row = {
        "picture": "hardest/000001.png",
        "identity": "p<1>",
        "pose": "0",
        "expression": "anger",
        "expression_predicted": "joy",
        "expression_probability": "0.91",
    }
    pairs = [{"true": "anger", "predicted": "joy", "count": 1, "shown": [row]}]
    (evaluation / "hardest.json").write_text(
        json.dumps({"wrong": 2, "images": 8, "hardest": [row, None], "pairs": pairs})
    )
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(evaluation / "confusion_expression.png")
    return folder


def test_the_page_of_a_run(run):
    text = run_page.write(run, run / "evaluation").read_text()
    assert (
        "1 branch (face) of resnet (depth 18, width 16, stages 1-1), at 48 pixels; expression alone, no"
        " triplets, weights by dwa. Its faces are rendered." in text
    )
    assert (
        "1,200 steps, 5.0 a second" in text
        and "3 people, never seen in training" in text
        and "60.0 to 85.0" in text
    )
    assert (
        "anger → joy (91 %), pose 0" in text
        and "anger taken for joy: 1 times" in text
        and "1 pictures are missing" in text
    )
    assert "no curves.png" in text and "no expression_by_pose.png" in text  # said, not hidden
    assert "<td>-</td>" in text  # joy was never seen at 45 degrees
    assert "p&lt;1&gt;" in text and "first&lt;run&gt;" in text and "<run>" not in text
    # nothing from elsewhere
    assert re.findall(r'src="(.{5})', text) == ["data:"] * 3 and "href" not in text and "http" not in text


@pytest.mark.parametrize("name", ["config.json", "versions.json", "train.jsonl", "evaluation/hardest.json"])
@pytest.mark.parametrize("content", [None, "{", "[]", ""])
def test_a_broken_or_missing_part_is_said(run, name, content):
    (run / name).unlink()
    if content is not None:
        (run / name).write_text(content)
    text = run_page.write(run, run / "evaluation").read_text()
    told = {
        "config.json": "configuration of this run cannot be read",
        "versions.json": "Versions cannot be read",
        "train.jsonl": "its log cannot be read",
        "evaluation/hardest.json": "Confusion",
    }
    assert told[name] in text


def test_a_run_that_was_not_evaluated(run):
    (run / "evaluation" / "metrics.json").write_text("{")
    with pytest.raises(UserError, match="evaluate the run first"):
        run_page.write(run, run / "evaluation")


def test_runs_side_by_side(run, tmp_path):
    (tmp_path / "empty").mkdir()
    text = run_page.side_by_side([run, tmp_path / "empty"], tmp_path / "out").read_text()
    assert "75.0 (60.0 to 85.0)" in text and "empty: not evaluated" in text and "1 runs" in text


def test_parts_are_escaped():
    assert "<b>" not in page.table([["<b>"], ["<b>"]]) + page.paragraph("<b>") + page.heading(
        "<b>"
    ) + page.folded("<b>", "<b>")
