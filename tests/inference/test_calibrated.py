"""Temperatures are fitted on validation people who are in no test image, and belong to one state of a run."""

import json
import shutil

import numpy as np
import pytest

import dmljax
from dmljax import config as configuration
from dmljax import run_folder
from dmljax.metrics import calibration
from dmljax.report import tables, write
from dmljax.runs import calibrated
from dmljax.runs.trained import open_run
from dmljax.types import UserError

pytestmark = pytest.mark.usefixtures("standard_promotion")


def test_who_fits(rng):
    class Samples:
        identity = np.array([0, 0, 1, 1, 2, 2, -1, -1])

    test = np.array([0, 6])
    assert calibrated.apart(Samples, np.array([1, 2, 3, 4, 7]), test).tolist() == [2, 3, 4]
    assert calibrated.apart(Samples, None, test).tolist() == []
    assert calibrated.apart(Samples, np.array([1, 7]), test).tolist() == []


def test_what_an_evaluation_writes(run):
    opened = open_run(run, progress=False)
    kept = run_folder.undamaged(run / "evaluation" / "calibration.json")
    found = opened.predict(opened.variables, opened.validation)
    labels = opened.samples.pose[opened.validation]
    assert kept["temperature"] == {"pose": calibration.temperature(found["pose"], labels)}
    assert (kept["images"], kept["people"], kept["step"]) == (18, 2, 0)
    people = opened.samples.identity
    assert not set(people[opened.validation]) & set(people[opened.test])
    score = run_folder.metrics(run)["calibration"]
    assert "bins_calibrated" in score["pose"] and "bins_calibrated" not in score["expression"]
    wide = opened.outputs["pose"].astype(np.float64) / kept["temperature"]["pose"]
    probability = np.exp(wide - wide.max(1, keepdims=True))
    expected = calibration.bins(
        probability / probability.sum(1, keepdims=True), opened.samples.pose[opened.test]
    )
    assert score["pose"]["bins_calibrated"]["counts"] == expected["counts"]
    assert sum(score["pose"]["bins"]["counts"]) == len(opened.test)


def test_they_belong_to_one_state_of_the_run(run, tmp_path):
    config, how = configuration.read(run), {"checkpoint": "last", "step": 0, "flip": False}
    assert set(calibrated.read(run, config, **how)) == {"pose"}
    for other in ({"step": 1}, {"checkpoint": "best"}, {"flip": True}):
        assert calibrated.read(run, config, **how | other) == {}
    changed = configuration.changed(config, {"losses.margin_pose": 0.77})
    assert calibrated.read(run, changed, **how) == {}
    copy = shutil.copytree(run, tmp_path / "run")
    path = copy / "evaluation" / "calibration.json"
    content = {key: value for key, value in json.loads(path.read_text()).items() if key != "digest"}
    for wrong in ({"pose": 0}, {"pose": "1"}, [1.0], {"pose": float("nan")}):
        path.write_text(json.dumps(content | {"temperature": wrong}))
        with pytest.raises(UserError, match="has no temperatures above 0"):
            calibrated.read(copy, config, **how)


def test_tables_and_pictures(run, tmp_path):
    copy = shutil.copytree(run, tmp_path / "run")
    write.report(copy / "evaluation")
    text = (copy / "evaluation" / "tables.md").read_text()
    assert "## Calibration" in text and "fitted on validation people, who are in no test image" in text
    assert (copy / "evaluation" / "reliability.png").stat().st_size > 10_000
    score = run_folder.metrics(copy)
    rows = {row[0]: row for row in tables.calibration_of(score)}
    assert rows["pose"][2] == tables.percent(calibration.error(score["calibration"]["pose"]["bins"]))
    assert rows["expression"][1] == rows["expression"][3] == "-"
    assert rows["pose"][-1] == tables.percent(score["scores"]["pose accuracy"])


def test_a_run_without_validation_people_says_so(run, tmp_path):
    copy = shutil.copytree(run, tmp_path / "run")
    opened = open_run(copy, progress=False)
    alone = opened.__class__(**{**opened.__dict__, "validation": np.zeros(0, np.int32)})
    fitted = calibrated.fit(alone)
    assert (fitted["temperature"], fitted["images"], fitted["people"]) == ({}, 0, 0)
    score = run_folder.metrics(run)
    score["calibration"]["pose"]["temperature"] = None
    assert "no temperature: no validation people" in tables.of_calibration(score)
    pooled = {"calibration": {"pose": {"temperature": [None, 1.5]}}}
    assert "temperatures fitted" in tables.of_calibration(pooled)
    assert dmljax.load(copy).temperature  # what the evaluation kept
