"""Mean absolute errors of angles and their intervals, counted by hand."""

import numpy as np
import pytest
from scipy import stats

from dmljax.datasets import synthetic
from dmljax.metrics import angles, intervals, scores
from dmljax.types import ANGLES, EXPRESSION, INDEX

NAN = np.nan


def test_errors_go_round_the_circle_and_unknown_ones_are_left_out():
    predicted = np.array([[170.0, 10.0, NAN], [0.0, -4.0, NAN], [90.0, 0.0, NAN]], np.float32)
    true = np.array([[-170.0, 13.0, 1.0], [NAN, 2.0, 2.0], [-90.0, NAN, 3.0]], np.float32)
    found = angles.totals(predicted, true)
    assert found == {"yaw": {"sum": 200.0, "count": 2}, "pitch": {"sum": 9.0, "count": 2}}
    read = {"yaw error": 100.0, "pitch error": 4.5, "angle error": 52.25}
    assert angles.read_off(found) == read and angles.read_off({}) == {}
    both = angles.pool([found, {}, {"yaw": {"sum": 4.0, "count": 2}, "roll": {"sum": 1.0, "count": 1}}])
    assert both == {
        "yaw": {"sum": 204.0, "count": 4},
        "pitch": {"sum": 9.0, "count": 2},
        "roll": {"sum": 1.0, "count": 1},
    }


def test_intervals_are_over_people(rng):
    people = np.repeat(np.arange(6), [3, 5, 2, 4, 4, 6])
    found = rng.gamma(2.0, 3.0, (24, 3)) * (1 + people[:, None])
    found[rng.random((24, 3)) < 0.2] = NAN
    found[:, 1] = NAN
    given = angles.intervals(found, people)
    assert set(given) == {"yaw error", "roll error", "angle error"}
    means, shares = [], []
    for k, name in ((0, "yaw error"), (2, "roll error")):
        sums = [np.nansum(found[people == who, k]) for who in range(6)]
        counts = [np.isfinite(found[people == who, k]).sum() for who in range(6)]
        mean = sum(sums) / sum(counts)
        each = [(s - mean * n) / sum(counts) for s, n in zip(sums, counts)]
        means.append(mean)
        shares.append(each)
        half = stats.t.ppf(0.975, 5) * np.sqrt(6 / 5 * sum(e**2 for e in each)) / mean
        assert given[name] == pytest.approx([mean * np.exp(-half), mean * np.exp(half)])
    mean, each = np.mean(means), np.mean(shares, 0)
    half = stats.t.ppf(0.975, 5) * np.sqrt(6 / 5 * sum(each**2)) / mean
    assert given["angle error"] == pytest.approx([mean * np.exp(-half), mean * np.exp(half)])
    alone = angles.intervals(found, np.zeros(24, int))
    assert alone == dict.fromkeys(given)  # one person is one draw


def samples_and_predictions(rng):
    samples = synthetic.samples(identities=3, expressions="neutral,fear")
    known = rng.uniform(-80, 80, (len(samples), 3)).astype(np.float32)
    known[::4, 0] = NAN
    samples = samples.replace(angles=known)
    index = np.arange(len(samples))[::2]
    predicted = known[index] + rng.normal(0, 5, (len(index), 3)).astype(np.float32)
    predicted[np.isnan(predicted)] = 1.0
    predicted[:, 2] = NAN  # which the network does not tell
    found = {INDEX: index, EXPRESSION: rng.normal(size=(len(index), 2)), ANGLES: predicted}
    return samples, found


def test_scores_rows_and_folds(rng):
    samples, found = samples_and_predictions(rng)
    score, rows = scores.summarise(found, samples, None), scores.predictions(found, samples)
    error = np.nanmean(np.abs(found[ANGLES] - samples.angles[found[INDEX]])[:, :2], 0)
    assert score["errors"] == pytest.approx(
        {"yaw error": error[0], "pitch error": error[1], "angle error": error.mean()}, rel=1e-5
    )
    assert not any("error" in name for name in score["scores"])
    assert rows[0]["yaw"] == "" and rows[0]["yaw_predicted"] == "1.00" and "roll" not in rows[0]
    assert float(rows[1]["pitch"]) == pytest.approx(samples.angles[2, 1], abs=0.006)
    told = intervals.of_predictions(score, rows)
    assert set(told["error_intervals"]) == set(score["errors"]) and "yaw error" not in told["intervals"]
    for name, (low, high) in told["error_intervals"].items():
        assert low < score["errors"][name] < high
    fold = score | {"checkpoint": "last", "run": "a"}
    pooled = scores.pool([fold, fold | {"angles": {"yaw": {"sum": 0.0, "count": 1}}}])
    assert pooled["angles"]["yaw"]["count"] == score["angles"]["yaw"]["count"] + 1
    assert pooled["folds"][0]["yaw error"] == score["errors"]["yaw error"]


def test_without_known_angles_nothing_is_measured(rng):
    samples, found = samples_and_predictions(rng)
    nothing = samples.replace(angles=None)
    score, rows = scores.summarise(found, nothing, None), scores.predictions(found, nothing)
    assert score["errors"] == {} and rows[3]["yaw"] == "" and rows[3]["yaw_predicted"]
    assert "error_intervals" not in intervals.of_predictions(score, rows)
    assert "error/angles" not in scores.validation_scores(found, nothing, unit=10.0)
    without = {key: value for key, value in found.items() if key != ANGLES}
    assert "errors" not in scores.summarise(without, samples, None)
    assert "yaw" not in scores.predictions(without, samples)[0]


def test_validation_measures_angles_in_units(rng):
    samples, found = samples_and_predictions(rng)
    told = scores.validation_scores(found, samples, unit=4.0)
    assert told["error/angles"] == pytest.approx((told["error/yaw"] + told["error/pitch"]) / 2)
    assert told["loss/angles"] == pytest.approx(told["error/angles"] / 4)
    assert told["loss"] == pytest.approx(told["loss/expression"] + told["loss/angles"])
