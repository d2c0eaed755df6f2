import numpy as np
import pytest

from dmljax.metrics import counts as metrics
from dmljax.metrics.scores import pool, read_off
from dmljax.types import UserError

TRUE = np.array([0, 0, 0, 1, 1, 2, -1, 2])
SEEN = np.array([0, 0, 1, 1, 0, 1, 2, 2])


def test_counts_and_what_is_read_off_them():
    counts = metrics.confusion(TRUE, SEEN, 4)
    assert counts.tolist() == [[2, 1, 0, 0], [1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]]
    assert metrics.accuracy(counts) == 4 / 7
    np.testing.assert_array_equal(metrics.per_class(counts), [2 / 3, 1 / 2, 1 / 2, np.nan])
    f1 = [2 * 2 / (3 + 3), 2 * 1 / (2 + 3), 2 * 1 / (2 + 1)]
    # the class that never occurs does not count
    assert metrics.macro_f1(counts) == pytest.approx(np.mean(f1))


def test_nothing_to_evaluate_is_an_error():
    with pytest.raises(UserError, match="nothing to evaluate"):
        metrics.accuracy(metrics.confusion(np.array([-1]), np.array([0]), 2))


def test_cells():
    hits, counts = metrics.by_cell(
        np.array([0, 0, 1, -1]), np.array([1, 1, 0, 0]), np.array([True, False, True, True]), (2, 2)
    )
    assert hits.tolist() == [[0, 1], [1, 0]] and counts.tolist() == [[0, 2], [1, 0]]


def test_wilson_interval_of_237_of_436():
    low, high = metrics.wilson(237, 436)
    assert (low, high) == (pytest.approx(0.4966, abs=1e-3), pytest.approx(0.5898, abs=1e-3))
    assert all(np.isnan(metrics.wilson(0, 0)))


def test_cross_entropy_by_hand():
    logits = np.array([[0.0, np.log(3.0)], [1.0, 1.0], [9.0, 0.0]])
    assert metrics.cross_entropy(logits, np.array([1, 0, -1])) == pytest.approx(
        (np.log(4 / 3) + np.log(2)) / 2
    )


def score(run, hits, count):
    return {
        "run": run,
        "checkpoint": "last",
        "step": 1,
        "dataset": "x",
        "names": {"expression": ["a", "b"], "pose": ["0"]},
        "yaw": [0.0],
        "people": 2,
        "confusion": {"expression": [[hits, count - hits], [0, 0]]},
        "cells": {"hits": [[hits], [0]], "counts": [[count], [0]]},
    }


def test_folds_are_pooled_by_their_counts():
    parts = [score("fold_0", 9, 10), score("fold_1", 1, 30)]
    parts = [read_off(p) for p in parts]
    whole = pool(parts)
    assert whole["scores"]["expression accuracy"] == 10 / 40 and whole["people"] == 4
    assert [f["expression accuracy"] for f in whole["folds"]] == [0.9, 1 / 30]


def test_folds_of_other_classes_are_not_put_together():
    parts = [score("fold_0", 9, 10), score("fold_1", 1, 30) | {"names": {"expression": ["a"], "pose": ["0"]}}]
    with pytest.raises(UserError, match="different classes"):
        pool([read_off(p) for p in parts])
