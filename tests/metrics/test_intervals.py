"""Intervals of accuracies over people: the formula, its coverage, and what is read off predictions."""

import numpy as np
import pytest
from scipy import stats

from dmljax.metrics import intervals
from dmljax.metrics.counts import wilson


def test_the_formula():
    """By loops: people of unlike numbers of images, and one without any."""
    hits, counts = [3, 10, 0, 7], [5, 11, 0, 16]
    share = 20 / 32
    squares = (3 - share * 5) ** 2 + (10 - share * 11) ** 2 + (7 - share * 16) ** 2
    error = (squares * 3 / 2) ** 0.5 / 32
    half = stats.t.ppf(0.975, 2) * error / (share * (1 - share))
    back = lambda x: 1 / (1 + np.exp(-x))
    expected = [back(np.log(share / (1 - share)) + sign * half) for sign in (-1, 1)]
    np.testing.assert_allclose(intervals.over_people(hits, counts), expected, rtol=1e-12)


def test_people_who_are_all_equal():
    """The interval is that of half an image: next to that of one image more or less."""
    low, high = intervals.over_people([35] * 20, [35] * 20)
    assert high == 1 and abs(low - intervals.over_people([34, *[35] * 19], [35] * 20)[0]) < 0.01
    assert intervals.over_people([0] * 20, [35] * 20) == pytest.approx((0, 1 - low))
    low, high = intervals.over_people([20] * 9, [40] * 9)
    assert low == pytest.approx(1 - high) and 0.49 < low < 0.5
    assert intervals.over_people([3], [4]) == wilson(0.75, 1)
    assert np.isnan(intervals.over_people([], [])).all()


@pytest.mark.parametrize(("people", "mean"), [(8, 1), (30, 1), (30, 4)])
def test_coverage(people, mean):
    """Nearly 95 % where people differ; Wilson's, over images, covers the truth in two thirds of the cases."""
    rng, covered = np.random.default_rng(0), []
    truth = (1 / (1 + np.exp(-mean - rng.standard_normal(400_000)))).mean()
    for _ in range(2000):
        counts = rng.integers(10, 40, people)
        hits = rng.binomial(counts, 1 / (1 + np.exp(-mean - rng.standard_normal(people))))
        bounds = intervals.over_people(hits, counts), wilson(hits.sum(), counts.sum())
        covered.append([low < truth < high for low, high in bounds])
    over_people, over_images = np.mean(covered, 0)
    assert 0.91 < over_people < 0.97
    assert over_images < 0.85


SCORE = {
    "names": {"expression": ["joy", "fear"], "pose": ["0", "up"]},
    "yaw": [0.0, None],
    "confusion": {"expression": None, "pose": None},
}


def row(person, expression, predicted, pose, pose_predicted="0"):
    return {
        "identity": person,
        "expression": expression,
        "expression_predicted": predicted,
        "pose": pose,
        "pose_predicted": pose_predicted,
    }


ROWS = [
    row("a", "joy", "joy", "0"),
    row("a", "joy", "fear", "up", "up"),
    row("a", "fear", "fear", "0", "up"),
    row("b", "joy", "joy", "0"),
    row("b", "", "joy", "0"),
    row("c", "joy", "fear", ""),
    row("c", "joy", "joy", "up"),
]


def test_of_predictions():
    over = lambda hits, counts: list(intervals.over_people(hits, counts))
    found = intervals.of_predictions(SCORE, ROWS)
    assert found["intervals_over"] == "people"
    assert found["intervals"] == {
        "expression accuracy": over([2, 1, 1], [3, 1, 2]),
        "pose accuracy": over([2, 2, 0], [3, 2, 1]),
        "expression accuracy, frontal": over([2, 1], [2, 1]),
    }
    assert found["class_intervals"]["expression"] == [over([1, 1, 1], [2, 1, 2]), over([1], [1])]
    joy, fear, all_of_them = found["cell_intervals"]
    assert joy == [over([1, 1], [1, 1]), over([0, 1], [1, 1]), over([1, 1, 1], [2, 1, 1])]
    assert fear == [over([1], [1]), None, over([1], [1])]
    assert all_of_them[2] == over([2, 1, 1], [3, 1, 1])


def test_where_nobody_is_known_images_are_independent():
    found = intervals.of_predictions(SCORE, [one | {"identity": ""} for one in ROWS])
    assert found["intervals_over"] == "images"
    assert found["intervals"]["expression accuracy"] == list(wilson(4, 6))
    assert found["cell_intervals"][1] == [list(wilson(1, 1)), None, list(wilson(1, 1))]
