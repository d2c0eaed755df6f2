"""What a run's test images tell beside its scores, by hand."""

import json

import numpy as np
import pytest

from dmljax import run_folder
from dmljax.contracts.finished import finish
from dmljax.studies import measures, members


@pytest.fixture
def row(tmp_path):
    member = members.Member("dwa", 0, 0, tmp_path / "dwa", {"weighting.name": "dwa"})
    finish(member)
    return {"folder": str(member.folder)}


def change(row, name, **values):
    path = f"{row['folder']}/{run_folder.EVALUATION}/{name}"
    if name == run_folder.METRICS:
        with open(path) as file:
            found = json.load(file) | values
        with open(path, "w") as file:
            json.dump(found, file)
    else:
        with np.load(path) as file:
            found = dict(file) | values
        np.savez(path, **found)


def test_r_precision_of_the_expression_query_by_query(row):
    with np.load(f"{row['folder']}/{run_folder.EVALUATION}/{run_folder.FEATURES}") as file:
        embedding, labels = file["embedding"].astype(np.float64), file["expression"].copy()
    labels[:5] = -1
    change(row, run_folder.FEATURES, expression=labels)
    x, y = embedding[5:], labels[5:]
    found = []
    for k in range(len(y)):
        order = sorted((float(((x[k] - x[j]) ** 2).sum()), j) for j in range(len(y)) if j != k)
        count = int((y == y[k]).sum()) - 1
        found.append(sum(y[j] == y[k] for _, j in order[:count]) / count)
    assert measures.quality(row) == {"R-precision": pytest.approx(np.mean(found))}


def test_the_calibration_error_of_the_probabilities_as_they_are(row):
    bins = {"counts": [0, 10, 30], "hits": [0, 4, 27], "confidence": [0.0, 5.0, 24.0]}
    change(row, run_folder.METRICS, calibration={"expression": {"temperature": 2.0, "bins": bins}})
    assert measures.quality(row)["ECE"] == pytest.approx((1.0 + 3.0) / 40)


def test_nothing_of_an_expression_that_was_not_trained(row):
    assert measures.quality(row | {"single": "pose"}) == {}
    assert measures.quality(row | {"single": "expression"}).keys() == {"R-precision"}


def test_nothing_where_there_is_nothing_to_read(row):
    with open(f"{row['folder']}/{run_folder.EVALUATION}/{run_folder.FEATURES}", "w") as file:
        file.write("no arrays")
    assert measures.quality(row) == {}
