"""Differences of methods: formulas by loops, and how often they see or miss what simulated runs hold."""

import numpy as np
import pytest
from scipy import stats

from dmljax.report import differences, standard_errors
from dmljax.report.differences import Pair

CHANCE = (0.02, 0.08)  # false alarms allowed at a nominal 5 %


def test_the_corrected_resampled_t_by_hand():
    """Three splits, the last with two seeds, which are one value; 10 people test for 30 who train."""
    found = differences.difference(
        [
            Pair(0.7, 0.6, "a", 1 / 3),
            Pair(0.8, 0.6, "b", 1 / 3),
            Pair(0.9, 0.8, "c", 1 / 3),
            Pair(0.9, 0.4, "c", 1 / 3),
        ]
    )
    values = [0.1, 0.2, (0.1 + 0.5) / 2]
    variance = sum((v - 0.2) ** 2 for v in values) / 2
    t = 0.2 / ((1 / 3 + 1 / 3) * variance) ** 0.5
    assert found.mean == pytest.approx(0.2) and found.unit == "splits" and found.pairs == 4
    assert found.p == pytest.approx(2 * stats.t.sf(t, 2))
    assert found.half == pytest.approx(stats.t.ppf(0.975, 2) * 0.2 / t)


def test_people_and_seeds_by_loops(rng):
    values = rng.normal(size=(4, 3)) + 2 * rng.normal(size=(4, 1)) + rng.normal(size=(1, 3))
    people, seeds, whole = values.mean(1), values.mean(0), values.mean()
    of_people = sum(3 * (m - whole) ** 2 for m in people) / 3
    of_seeds = sum(4 * (m - whole) ** 2 for m in seeds) / 2
    rest = [(values[i, j] - people[i] - seeds[j] + whole) ** 2 for i in range(4) for j in range(3)]
    error = sum(rest) / 6
    assert min(of_people, of_seeds) > error  # the draw has both effects
    mean, deviation, freedom = standard_errors.crossed(values)
    total = of_people + of_seeds - error
    assert mean == pytest.approx(whole) and deviation**2 == pytest.approx(total / 12)
    assert freedom == pytest.approx(total**2 / (of_people**2 / 3 + of_seeds**2 / 2 + error**2 / 6))


def test_a_component_that_is_none_takes_nothing_away():
    """Seeds differ less than chance would have it: the mean square of people stays whole."""
    values = np.array([[0.0, 0.3], [0.5, 0.2], [0.9, 0.9]])
    _, deviation, freedom = standard_errors.crossed(values)
    assert deviation**2 == pytest.approx(2 * np.var(values.mean(1), ddof=1) / 6) and freedom == 2


def test_one_seed_is_students_t_over_people_who_count_by_their_images():
    people = {"ann": (10, 9, 5), "bob": (10, 7, 6), "cy": (40, 30, 26)}
    found = differences.difference([Pair(46 / 60, 37 / 60, "x", 0.2, people)])
    gains, images, whole = np.array([0.4, 0.1, 0.1]), np.array([10, 10, 40]), 9 / 60
    values = whole + images / 20 * (gains - whole)
    assert found.mean == pytest.approx(whole) and found.unit == "people"
    assert found.half == pytest.approx(stats.t.ppf(0.975, 2) * stats.sem(values))
    assert found.p == pytest.approx(stats.ttest_1samp(values, 0).pvalue)


def test_where_people_are_unknown_runs_count_and_it_is_said():
    runs = [Pair(0.6, 0.5, "x"), Pair(0.8, 0.5, "x")]
    found = differences.difference(runs)
    assert found.unit == "runs" and found.p == pytest.approx(stats.ttest_1samp([0.1, 0.3], 0).pvalue)
    assert "over the runs alone" in differences.note([found])
    splits = [Pair(0.6, 0.5, "x"), Pair(0.8, 0.5, "y")]  # of unknown sizes
    assert differences.difference(splits).unit == "runs"
    one = differences.difference(runs[:1])
    assert np.isnan(one.half) and one.p is None and differences.note([one]) == ""
    assert differences.difference([]) is None


@pytest.mark.parametrize("tested", ["ab", "aa", (None, None)])
def test_differences_equal_up_to_rounding_are_no_evidence(tested):
    first, second = (0.1 + 0.2, 0.7), (0.2, 0.6)  # their differences are 0.1 but for the last bit
    assert first[0] - second[0] != first[1] - second[1]
    runs = [Pair(*values, split, 0.25) for *values, split in zip(first, second, tested)]
    found = differences.difference(runs)
    assert found.p is None and np.isnan(found.half) and found.mean == pytest.approx(0.1)
    alike = {"ann": (10, 3, 2), "bob": (10, 3, 2)}
    assert differences.difference([Pair(0.3, 0.2, "x", 0.2, alike)]).p is None


def test_what_is_not_known_is_not_tested():
    lost = differences.difference([Pair(float("nan"), 0.5), Pair(0.6, 0.5), Pair(0.7, 0.52)])
    assert lost.p is None and np.isnan(lost.half)
    known = lost._replace(mean=0.1, half=0.1, p=0.03)
    assert [one.p for one in differences.adjusted([lost, known])] == [None, 0.03]


def test_a_person_without_images_does_not_count():
    people = {"ann": (5, 3, 2), "bob": (5, 4, 1)}, {"ann": (5, 2, 2), "bob": (5, 4, 3)}
    runs = [Pair(0.7, 0.3, "x", 0.2, people[0]), Pair(0.6, 0.5, "x", 0.2, people[1])]
    more = [run._replace(people=run.people | {"cy": (0, 0, 0)}) for run in runs]
    assert differences.difference(more) == differences.difference(runs)


def test_pairs_are_runs_that_both_methods_have():
    row = lambda label, seed, value, tested="x", images=4: {
        "label": label,
        "seed": seed,
        "fold": 0,
        "accuracy": value,
        "tested": tested,
        "ratio": 0.5,
        "people": {"accuracy": {"ann": (images, 3)}},
    }
    rows = [row("a", 0, 0.75), row("a", 1, 0.7), row("a", 2, 0.6), row("a", 3, 0.5)]
    rows += [row("b", 1, 0.6, images=5), row("b", 0, 0.5), row("b", 2, 0.1, tested="y")]
    assert differences.pairs(rows, "a", "b", "accuracy") == [
        Pair(0.75, 0.5, "x", 0.5, {"ann": (4, 3, 3)}),
        Pair(0.7, 0.6, "x", 0.5),  # not of the same images
        Pair(0.6, 0.1),  # not of the same people
    ]
    assert differences.pairs(rows, "a", "b", "pose") == []


def test_people_without_images_are_nobody():
    nobody = {"ann": (0, 0, 0), "bob": (0, 0, 0)}
    found = differences.difference([Pair(0.5, 0.4, "x", 0.2, nobody)])
    assert found.unit == "runs" and found.p is None


def test_holm_by_hand():
    """0.01 x 4 = 0.04; 0.02 x 3 = 0.06; 0.03 x 2 = 0.06, not less than the one before; 0.9 x 1."""
    found = differences.holm([0.02, None, 0.9, 0.01, 0.03])
    assert found == [pytest.approx(0.06), None, 0.9, pytest.approx(0.04), pytest.approx(0.06)]
    assert differences.holm([0.6, 0.7]) == [1.0, 1.0] and differences.holm([None]) == [None]


def folded(rng, seeds, people=40, training=0.5, times=2000):
    """Differences [times, 5 folds x seeds] of methods that are alike: of each tested person, whose effects
    dominate; of each who trains; of the run.
    """
    gains, as_teacher = (rng.normal(size=(times, people)) for _ in range(2))
    values = []
    for _ in range(seeds):
        order = rng.permuted(np.tile(np.arange(people), (times, 1)), axis=1)
        own = [np.take_along_axis(x, order, 1).reshape(times, 5, -1) for x in (gains, as_teacher)]
        others = (own[1].sum((1, 2))[:, None] - own[1].sum(2)) / (people * 4 / 5)
        noise = 0.3 * rng.normal(size=(times, 5)) * (5 / people) ** 0.5
        values.append(own[0].mean(2) + training**0.5 * others + noise)
    return np.concatenate(values, 1)


def alarms(values, test):
    """How often `test`, values -> (mean, standard error, degrees of freedom), finds what is not there; its
    intervals cover the true difference, none, in all other cases.
    """
    found = [test(one) for one in values]
    return np.mean([abs(mean) > stats.t.ppf(0.975, freedom) * error for mean, error, freedom in found])


@pytest.mark.parametrize("seeds", [1, 3])
def test_false_alarms_over_folds(seeds, rng):
    """The paired t test over runs has 7 to 9 % with one seed, and 33 to 37 % with three."""
    values = folded(rng, seeds)
    found = alarms(values, lambda one: standard_errors.resampled(one, 0.25))
    old = alarms(values, lambda one: standard_errors.resampled(one, 0.0))
    assert CHANCE[0] < found < CHANCE[1]
    assert old > (0.3 if seeds == 3 else 0.07)


def test_false_alarms_where_it_matters_as_much_who_trains(rng):
    """8 to 10 % over three seeds of five folds, as these hold the same people; the paired t test has 42 %."""
    values = folded(rng, 3, training=1.0)
    assert alarms(values, lambda one: standard_errors.resampled(one, 0.25)) < 0.12
    assert alarms(values, lambda one: standard_errors.resampled(one, 0.0)) > 0.35


def test_over_folds_it_is_on_the_safe_side_where_it_does_not_matter_who_trains(rng):
    assert alarms(folded(rng, 1, training=0.0), lambda one: standard_errors.resampled(one, 0.25)) < 0.03


@pytest.mark.parametrize(("of_people", "of_seeds"), [(1.0, 0.0), (1.0, 0.25), (0.3, 0.3)])
def test_false_alarms_over_people_and_seeds(of_people, of_seeds, rng):
    """One split, 15 people, 3 seeds. Without effects of seeds the paired t test over seeds has 15 %."""
    shape = (1000, 15, 3)
    values = of_people * rng.normal(size=(1000, 15, 1)) + of_seeds * rng.normal(size=(1000, 1, 3))
    values = values + rng.normal(size=shape)
    assert CHANCE[0] < alarms(values, standard_errors.crossed) < CHANCE[1]
    if not of_seeds:
        assert alarms(values.mean(1), lambda one: standard_errors.resampled(one, 0.0)) > 0.12


def test_intervals_cover_a_true_difference(rng):
    """Through `difference` itself, with a true gain of 0.02 in accuracy: 92 to 98 % of the intervals."""
    covered = {"splits": [], "people": []}
    for values in 0.02 + 0.05 * folded(rng, 3, times=400):
        found = differences.difference([Pair(0.5 + v, 0.5, k, 0.25) for k, v in enumerate(values)])
        covered[found.unit].append(abs(found.mean - 0.02) <= found.half)
    for _ in range(400):
        chance = 0.52 + 0.08 * rng.normal(size=(12, 1)) + 0.02 * rng.normal(size=(1, 3))
        hits = rng.binomial(40, np.clip(chance, 0, 1)), rng.binomial(40, 0.5, (12, 3))
        runs = [
            Pair(a.mean() / 40, b.mean() / 40, "x", 0.25, {k: (40, *h) for k, h in enumerate(zip(a, b))})
            for a, b in zip(hits[0].T, hits[1].T)
        ]
        found = differences.difference(runs)
        covered[found.unit].append(abs(found.mean - 0.02) <= found.half)
    shares = {unit: np.mean(of) for unit, of in covered.items()}
    assert [len(of) for of in covered.values()] == [400, 400]
    assert all(0.92 <= share <= 0.98 for share in shares.values()), shares
