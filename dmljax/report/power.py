"""How many people and seeds it takes to see a difference of two methods, from variances of finished runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from dmljax.report import parts
from dmljax.report.differences import Pair, by_person
from dmljax.report.standard_errors import MeanSquares, mean_squares, of_both

MOST = 100_000  # people; more are not looked for
LEVEL = 0.05
STEPS = 2000


class Variances(NamedTuple):
    """Of differences of accuracies, by what varies.

    Attributes:
      people: over people, who are harder for the one method than for the other.
      seeds: over seeds, whose networks are better or worse for all; nan of a single seed.
      rest: of one person at one seed; with a single seed a part of `people`.
    """

    people: float
    seeds: float
    rest: float

    def of_mean(self, people: int, seeds: int) -> tuple[float, float]:
        """(standard error of the mean difference, degrees of freedom), as by `standard_errors.crossed`."""
        of_seeds = 0.0 if np.isnan(self.seeds) else self.seeds
        if seeds == 1:  # seeds cannot be seen, and move the mean all the same
            return float(np.sqrt((self.people + self.rest) / people + of_seeds)), people - 1
        squares = MeanSquares(seeds * self.people + self.rest, people * of_seeds + self.rest, self.rest)
        variance, freedom = of_both(squares, people, seeds)
        return float(np.sqrt(variance)), freedom


def of_pairs(pairs: Sequence[Pair]) -> Variances:
    """Of two methods, from runs on the same people, one a seed: two-way random effects.

    Raises:
      ValueError: fewer than two people, runs on other people, or no variance.
    """
    if any(pair.people.keys() != pairs[0].people.keys() for pair in pairs) or len(pairs[0].people) < 2:
        raise ValueError("the runs must have been tested on the same people, two at least, all of them known")
    values = by_person(pairs)
    if np.ptp(values) == 0:
        raise ValueError("everybody is told equally well (or better, by equally much): there is no variance")
    return _components(values)


def of_one(pairs: Sequence[Pair], correlation: float) -> Variances:
    """Of two methods of which one is known, the other as variable: 2 (1 - correlation) times its own.

    Args:
      pairs: of the method with nothing, 0 hits.
      correlation: of the two methods, over people and over seeds.
    """
    return Variances(*(2 * (1 - correlation) * part for part in of_pairs(pairs)))


def _components(values: np.ndarray) -> Variances:
    p, s = values.shape
    if s == 1:
        return Variances(float(np.var(values, ddof=1)), float("nan"), 0.0)
    squares = mean_squares(values)
    above = lambda square, count: max(0.0, square - squares.rest) / count
    return Variances(above(squares.people, s), above(squares.seeds, p), squares.rest)


def power(points: float, people: int, seeds: int, variances: Variances) -> float:
    """Chance that a true difference is told at 5 %, two-sided: of the non-central t beyond Student's bounds.

    Args:
      points: the true difference, as a share: 0.02 for two points.
      people, seeds: how many are tested, all people at every seed.
      variances: of differences.
    """
    error, freedom = variances.of_mean(people, seeds)
    if error == 0:
        return 1.0
    bound, shift = stats.t.ppf(1 - LEVEL / 2, freedom), points / error
    # over the estimated error, in equal steps of its distribution: SciPy's own fails where they are many
    estimated = np.sqrt(stats.chi2.ppf((np.arange(STEPS) + 0.5) / STEPS, freedom) / freedom)
    beyond = stats.norm.sf(bound * estimated - shift) + stats.norm.cdf(-bound * estimated - shift)
    return float(beyond.mean())


def people_needed(points: float, seeds: int, variances: Variances, aim: float) -> int | None:
    """The fewest people with whom `power` reaches the aim; None where more than `MOST` would not."""
    least, most = 2, MOST
    if power(points, most, seeds, variances) < aim:
        return None
    while least < most:
        middle = (least + most) // 2
        if power(points, middle, seeds, variances) >= aim:
            most = middle
        else:
            least = middle + 1
    return least


def shown(
    variances: Variances, points: Sequence[float], seeds: Sequence[int], aim: float, given: str
) -> list[parts.Part]:
    """A table of the people needed, and what it was made from.

    Args:
      points: differences in points, each in a column.
      seeds: numbers of seeds, each in a row; one row where nothing is known of seeds.
      given: what the variances are of, in words.
    """
    one_seed = np.isnan(variances.seeds)
    need = lambda point, count: people_needed(point / 100, count, variances, aim)
    lines = [["seeds", *(f"{point:g} point{'s' * (point != 1)}" for point in points)]]
    for count in (1,) if one_seed else seeds:
        found = [need(point, count) for point in points]
        lines.append(
            ["any" if one_seed else str(count), *(f"> {MOST:,}" if n is None else f"{n:,}" for n in found)]
        )
    deviation = lambda variance: f"{100 * np.sqrt(variance):.1f}"
    said = f"Deviations in points: {deviation(variances.people)} over people"
    if one_seed:
        said += "; of one seed, so that seeds are taken not to matter: give runs of several."
    else:
        said += (
            f", {deviation(variances.seeds)} over seeds, {deviation(variances.rest)} of a person at a seed."
        )
    about = (
        f"Test people needed to tell a true difference in expression accuracy at {100 * LEVEL:g} %,"
        f" two-sided, in {100 * aim:g} % of the cases; from {given}. Seeds are tested on the same people."
    )
    return [parts.Table(lines), parts.Text(about), parts.Text(said)]
