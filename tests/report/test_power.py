"""How many people and seeds a difference needs: variances, power by simulation, and the table."""

import numpy as np
import pytest
from scipy import stats

from dmljax.report import parts, power
from dmljax.report.differences import Pair, by_person
from dmljax.report.standard_errors import crossed


def pairs_of(values):
    """Pairs with differences [P, S] as shares of 1,000 images a person."""
    return [
        Pair(0.0, 0.0, people={f"p{k}": (1000, round(500 + 1000 * d), 500) for k, d in enumerate(column)})
        for column in values.T
    ]


def drawn(rng, people, seeds, deviations, mean=0.0):
    a, b, c = deviations
    return (
        mean
        + a * rng.standard_normal((people, 1))
        + b * rng.standard_normal((1, seeds))
        + c * rng.standard_normal((people, seeds))
    )


def test_variances_are_found_again(rng):
    found = [power.of_pairs(pairs_of(drawn(rng, 60, 12, (0.05, 0.02, 0.08)))) for _ in range(40)]
    np.testing.assert_allclose(np.mean(found, 0), [0.0025, 0.0004, 0.0064], rtol=0.2)


def test_the_error_is_that_of_the_test(rng):
    """Of the very runs: with their numbers of people and seeds."""
    values = drawn(rng, 20, 4, (0.05, 0.05, 0.05))
    found = power.of_pairs(pairs_of(values))
    assert found.of_mean(20, 4) == pytest.approx(crossed(by_person(pairs_of(values)))[1:], rel=1e-6)


def test_one_method_gives_that_of_two_less_what_they_share(rng):
    values = drawn(rng, 30, 3, (0.05, 0.02, 0.04))
    alone, both = power.of_one(pairs_of(values), 0.75), power.of_pairs(pairs_of(values))
    np.testing.assert_allclose(alone, np.array(both) / 2, rtol=1e-12)


def test_the_number_of_people_gives_the_power(rng):
    """Simulated: people alone vary, and the t test over people finds the difference in 80 % of the cases."""
    variances = power.Variances(0.04, 0.0, 0.0)
    people = power.people_needed(0.05, 1, variances, 0.8)
    assert 126 <= people <= 130  # (1.96 + 0.84)^2 0.04 / 0.05^2, and two for the unknown variance
    values = 0.05 + 0.2 * rng.standard_normal((4000, people))
    error = values.std(1, ddof=1) / np.sqrt(people)
    assert abs((np.abs(values.mean(1) / error) > 1.979).mean() - 0.8) < 0.02
    assert power.people_needed(0.05, 1, variances, 0.95) > people


@pytest.mark.parametrize(
    ("deviations", "points", "seeds"), [((0.05, 0.01, 0.1), 0.02, 5), ((0.05, 0.015, 0.1), 0.05, 3)]
)
def test_the_test_of_this_package_has_that_power(rng, deviations, points, seeds):
    """Simulated with people and seeds that vary, by `standard_errors.crossed`."""
    people = power.people_needed(points, seeds, power.Variances(*np.square(deviations)), 0.8)
    told = 0
    for _ in range(1000):
        mean, error, freedom = crossed(drawn(rng, people, seeds, deviations, points))
        told += abs(mean) / error > stats.t.ppf(0.975, freedom)
    assert 0.72 < told / 1000 < 0.9  # degrees of freedom are estimated, too


def test_seeds_that_differ_too_much_cannot_be_made_good_by_people():
    variances = power.Variances(0.01, 0.01, 0.0)
    assert power.people_needed(0.05, 1, variances, 0.8) is None
    assert power.people_needed(0.05, 40, variances, 0.8) is not None


def test_the_table():
    shown = power.shown(power.Variances(0.04, 0.0009, 0.01), (2, 5), (1, 5), 0.8, "3 runs")
    lines = shown[0].lines
    assert lines[0] == ["seeds", "2 points", "5 points"]
    assert lines[1][:2] == ["1", "> 100,000"] and lines[2][0] == "5"
    assert "20.0 over people, 3.0 over seeds, 10.0 of a person at a seed" in parts.terminal(shown)
    one = power.shown(power.Variances(0.04, float("nan"), 0.0), (5,), (1, 5), 0.8, "1 run")
    assert len(one[0].lines) == 2 and one[0].lines[1][0] == "any"


def test_other_people_are_refused(rng):
    first, second = pairs_of(drawn(rng, 5, 2, (0.1, 0.1, 0.1)))
    moved = second._replace(people={f"q{who}": found for who, found in second.people.items()})
    with pytest.raises(ValueError, match="the same people"):
        power.of_pairs([first, moved])
    with pytest.raises(ValueError, match="no variance"):
        power.of_pairs(pairs_of(np.full((5, 2), 0.01)))
