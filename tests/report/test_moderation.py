"""Moderated variances: the formulas by loops, and what simulated pages of differences make of them."""

import math

import numpy as np
import pytest
from scipy import special, stats

from dmljax.report import differences, standard_errors
from dmljax.report.moderation import Variance, moderated


def drawn(rng, n, freedom, prior, value):
    """Variances about true ones, which are drawn from a scaled inverse chi-square."""
    true = value * prior / rng.chisquare(prior, n)
    return [Variance(v, freedom) for v in true * rng.chisquare(freedom, n) / freedom]


def test_by_loops():
    found = [Variance(v, d) for v, d in ((0.5, 2), (2.0, 2), (1.0, 4), (0.4, 2), (1.5, 2))]
    e = [math.log(v) - special.digamma(d / 2) + math.log(d / 2) for v, d in found]
    mean = sum(e) / 5
    spread = sum((x - mean) ** 2 for x in e) / 4 - sum(special.polygamma(1, d / 2) for _, d in found) / 5
    assert spread < 0  # alike: the prior is known as well as all together know it
    common, prior = sum(d * v for v, d in found) / 12, 12 / 5 * (4 * 5 / 8 - 1)
    for (v, d), got in zip(found, moderated(found)):
        assert v < common * stats.f.ppf(0.8, d, prior)
        assert got == pytest.approx(((prior * common + d * v) / (prior + d), prior + d))


def test_variances_of_a_known_prior(rng):
    """Of 4,000 variances with a prior of 3 degrees of freedom about 2.0, each is drawn to it as much."""
    found = drawn(rng, 4000, 4, 3.0, 2.0)
    made = moderated(found)
    near = [(a, b) for a, b in zip(found, made) if a.value < 1]
    assert all(b.freedom == pytest.approx(7, abs=0.3) for _, b in near)
    of_prior = [(b.value * b.freedom - 4 * a.value) / (b.freedom - 4) for a, b in near]
    assert np.allclose(of_prior, 2.0, rtol=0.08)


def test_one_that_is_apart_stays_as_it_is():
    found = [Variance(v, 2) for v in (0.9, 1.0, 1.1, 0.8, 1.2, 500.0)]
    made = moderated(found)
    assert made[-1] == found[-1] and all(one.freedom > 2 for one in made[:-1])


def test_seeds_that_differ_alike_by_nothing_are_not_said_to_share():
    crossed = differences.Crossed(standard_errors.MeanSquares(1.0, 0.0, 0.1), 20, 3)
    one = differences.Difference(0.1, 0.05, 0.01, "people", 3, crossed)
    found = differences.adjusted([one, one])
    assert [each.half for each in found] == [0.05] * 2 and differences.SHARED not in differences.note(found)


@pytest.mark.parametrize("values", [[], [0.3], [0.0, 0.0, 1.0], [np.inf, 1.0, 2.0]])
def test_what_says_nothing_of_others_stays(values):
    found = [Variance(v, 2) for v in values]
    assert moderated(found) == found


def test_a_zero_does_not_set_the_others_apart():
    """As seeds of a few images may all differ alike: it is drawn up, the others less than without it."""
    values = (0.5, 2.0, 1.0, 0.4, 1.5, 0.8, 1.2)
    with_zero, without = (moderated([Variance(v, 2) for v in of]) for of in ((*values, 0.0), values))
    assert with_zero[-1].value > 0.3 and with_zero[-1].freedom > 4
    small = [k for k, value in enumerate(values) if value < 1]
    assert all(with_zero[k].freedom > 4 for k in small)
    assert all(0.5 < with_zero[k].value / without[k].value < 1 for k in small)


def page(rng, methods, people, seeds, deviation):
    """Differences of methods that are alike from one of them; runs have this deviation beside that of their
    people, whose images are 40 each.
    """
    one = lambda: 0.02 * rng.normal(size=(people, 1)) + deviation / 2**0.5 * rng.normal(size=(1, seeds))
    runs = [rng.binomial(40, np.clip(0.6 + one(), 0, 1), (people, seeds)) for _ in range(methods + 1)]
    return [differences.difference(paired(run, runs[0])) for run in runs[1:]]


def paired(first, second):
    return [
        differences.Pair(
            a.mean() / 40, b.mean() / 40, "x", 0.25, {k: (40, *h) for k, h in enumerate(zip(a, b))}
        )
        for a, b in zip(first.T, second.T)
    ]


def test_false_alarms_of_a_page(rng):
    """Twenty methods, three seeds: some 17 % of the pages had a p of Holm below 0.05 by each one's own seeds,
    and intervals half as wide again.
    """
    pages = [page(rng, 20, 40, 3, 0.02) for _ in range(150)]
    least = lambda p_values: min(differences.holm(p_values))
    before = np.mean([least([one.p for one in found]) < 0.05 for found in pages])
    better = [differences.adjusted(found) for found in pages]
    after = np.mean([min(one.p for one in found) < 0.05 for found in better])
    assert after < 0.09 < 0.1 < before
    covered = np.mean([abs(one.mean) <= one.half for found in better for one in found])
    assert 0.92 <= covered <= 0.98
    halves = [np.median([one.half for found in of for one in found]) for of in (pages, better)]
    assert halves[1] < 0.85 * halves[0]
    assert differences.SHARED in differences.note(better[0])


def test_methods_whose_runs_differ_more_than_others(rng):
    """Ten quiet methods and ten whose seeds differ four times as much: false alarms are fewer than before."""
    pages = [page(rng, 10, 40, 3, 0.007) + page(rng, 10, 40, 3, 0.03) for _ in range(100)]
    before = np.mean([min(differences.holm([one.p for one in found])) < 0.05 for found in pages])
    better = [differences.adjusted(found) for found in pages]
    after = np.mean([min(one.p for one in found) < 0.05 for found in better])
    assert after < 0.13 < before
    for part in (slice(10), slice(10, 20)):
        assert np.mean([abs(one.mean) <= one.half for found in better for one in found[part]]) > 0.9


def test_each_measure_tells_of_itself(rng):
    quiet, wild = page(rng, 3, 20, 3, 0.005), page(rng, 3, 20, 3, 0.05)
    both = differences.adjusted([*quiet, *wild], ["pose"] * 3 + ["expression"] * 3)
    apart = [*differences.adjusted(quiet), *differences.adjusted(wild)]
    assert [one.half for one in both] == [one.half for one in apart]
    assert [one.half for one in both] != [one.half for one in differences.adjusted([*quiet, *wild])]


def test_one_difference_alone_is_as_it_was(rng):
    (one,) = page(rng, 1, 20, 3, 0.02)
    (same,) = differences.adjusted([one])
    assert same == one and differences.SHARED not in differences.note([one])


def test_what_has_no_seeds_is_left(rng):
    """Tests over runs and over one seed are exact: beside them the others alone are moderated."""
    crossed = page(rng, 2, 20, 3, 0.02)
    single = differences.difference(paired(*(rng.binomial(40, 0.6, (20, 1)) for _ in range(2))))
    found = differences.adjusted([crossed[0], None, single, crossed[1]])
    assert found[1] is None and (found[2].half, found[2].crossed) == (single.half, None)
    assert found[0].half == differences.adjusted(crossed)[0].half != crossed[0].half
