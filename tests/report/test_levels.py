"""Levels of a method: the interval by hand, at its edges, and how often it holds the truth."""

import numpy as np
import pytest
from scipy import special, stats

from dmljax.metrics.counts import wilson
from dmljax.metrics.intervals import over_people
from dmljax.report import statistics
from dmljax.report.levels import level


def run_of(seed, people, tested="x", ratio=0.2):
    """A row of a run from {person: (images, hits)}."""
    images, hits = map(sum, zip(*people.values()))
    row = {"label": "a", "seed": seed, "fold": 0, "tested": tested, "ratio": ratio, "right": hits / images}
    return row | {"people": {"right": people}}


def on_logit(share, half):
    middle, half = np.log(share / (1 - share)), half / (share * (1 - share))
    return [1 / (1 + np.exp(-(middle + side * half))) for side in (-1, 1)]


def test_people_and_seeds_by_hand():
    """Two seeds, three people of one size: two-way random effects, here with effects of both."""
    hits = {"ann": (9, 8), "bob": (5, 3), "cy": (7, 6)}
    rows = [run_of(seed, {who: (10, own[seed]) for who, own in hits.items()}) for seed in range(2)]
    values = np.array(list(hits.values())) / 10
    people, seeds, whole = values.mean(1), values.mean(0), values.mean()
    of_people, of_seeds = 2 * people.var(ddof=1), 3 * seeds.var(ddof=1)
    error = sum((values[i, j] - people[i] - seeds[j] + whole) ** 2 for i in range(3) for j in range(2)) / 2
    assert min(of_people, of_seeds) > error
    total = of_people + of_seeds - error
    freedom = total**2 / (of_people**2 / 2 + of_seeds**2 + error**2 / 2)
    found = level(rows, "right")
    assert found.mean == pytest.approx(whole)
    assert found[1:] == pytest.approx(on_logit(whole, stats.t.ppf(0.975, freedom) * (total / 6) ** 0.5))


def test_one_run_has_the_interval_of_its_own_page(rng):
    counts = rng.integers(1, 30, 12)
    hits = rng.binomial(counts, 0.8)
    people = {str(k): (int(n), int(right)) for k, (n, right) in enumerate(zip(counts, hits))}
    assert level([run_of(0, people)], "right")[1:] == pytest.approx(over_people(hits, counts))


def test_folds():
    rows = [
        run_of(0, {f"p{k}": (10, hits), f"q{k}": (10, hits)}, k, 0.25) for k, hits in enumerate((5, 7, 9))
    ]
    found = level(rows, "right")
    assert found.mean == pytest.approx(0.7)
    assert found[1:] == pytest.approx(on_logit(0.7, stats.t.ppf(0.975, 2) * (7 / 12) ** 0.5 * 0.2))


def test_a_measure_that_is_not_of_people_is_over_runs():
    rows = [{"seed": k, "fold": 0, "ECE": value} for k, value in enumerate((0.1, 0.2, 0.6))]
    half = stats.t.ppf(0.975, 2) * stats.sem([0.1, 0.2, 0.6])
    assert level(rows, "ECE") == pytest.approx((0.3, 0.3 - half, 0.3 + half))
    assert np.isnan(level(rows[:1], "ECE").low) and level(rows, "other") is None


def test_where_it_is_unknown_who_was_tested_runs_count():
    people = ({"ann": (10, 5), "bob": (10, 6)}, {"ann": (10, 7), "bob": (10, 8)})
    rows = [run_of(seed, own, tested=None) for seed, own in enumerate(people)]
    half = stats.t.ppf(0.975, 1) * stats.sem([0.55, 0.75])
    assert level(rows, "right") == pytest.approx((0.65, 0.65 - half, 0.65 + half))


def test_where_all_is_right_there_is_an_interval():
    """That of half an error in one run's images, also if all seeds agree."""
    people = {who: (10, 10) for who in ("ann", "bob", "cy")}
    one, three = (level([run_of(seed, people) for seed in range(count)], "right") for count in (1, 3))
    assert one == three and one.high == 1 and 0.2 < one.low < 0.99
    assert one.low == pytest.approx(over_people(np.full(3, 10), np.full(3, 10))[0])


def test_one_person_is_one_draw_and_nobody_is_none():
    found = level([run_of(seed, {"ann": (10, 5 + seed)}) for seed in range(3)], "right")
    assert found[1:] == pytest.approx(wilson(0.6, 1))
    nobody = run_of(0, {"ann": (1, 1)}) | {"people": {"right": {"ann": (0, 0)}}}
    assert np.isnan(level([nobody], "right").low)


def test_how_it_is_written():
    people = {who: (10, 10) for who in ("ann", "bob", "cy")}
    assert statistics.between(level([run_of(0, people)], "right"))[0] == "100.0"
    assert statistics.between((0.7281, 0.7, 0.7549)) == ["72.8", "70.0 to 75.5"]
    assert statistics.between((0.7281, np.nan, np.nan)) == ["72.8", "-"]
    assert statistics.between(None) == ["-", "-"]


@pytest.mark.parametrize(("share", "people"), [(0.6, 8), (0.6, 20), (0.95, 8), (0.95, 30)])
def test_intervals_hold_the_truth(share, people, rng):
    """Of three seeds, people and seeds normally distributed on the logit scale: 92 to 98.5 %."""
    draws = rng.standard_normal((2, 200_000))
    truth = lambda middle: special.expit(middle + 0.6 * draws[0] + 0.15 * draws[1]).mean()
    grid = np.linspace(0, 4, 41)
    middle = np.interp(share, [truth(each) for each in grid], grid)
    inside = 0
    for _ in range(600):
        logits = middle + 0.6 * rng.standard_normal((people, 1)) + 0.15 * rng.standard_normal((1, 3))
        hits = rng.binomial(20, special.expit(logits))
        rows = [run_of(seed, {str(k): (20, hits[k, seed]) for k in range(people)}) for seed in range(3)]
        found = level(rows, "right")
        assert 0 <= found.low <= found.high <= 1
        inside += found.low <= share <= found.high
    assert 0.92 <= inside / 600 <= 0.985
