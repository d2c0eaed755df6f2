"""What two methods differ by: mean, 95 % interval and p value, counting what their runs share.

Runs of one study share people, training sets and seeds, so they are not independent, and a paired t test over
them finds differences where there are none. What is counted depends on what varies between the runs:

- several splits (folds, or seeds that draw them): the corrected resampled t of Nadeau and Bengio (2003);
- one split: people and seeds, both random and crossed; the interval is over other people and other seeds,
  and of several differences on a page all tell how much runs differ (`moderation`);
- neither people nor sizes known, or a measure that is not of people: the runs alone.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from dmljax.report.moderation import Variance, moderated
from dmljax.report.standard_errors import MeanSquares, crossed, mean_squares, of_both, resampled

ROUNDING = 1e-9  # of the compared values: a smaller spread of differences is that of rounding
SPLITS, PEOPLE, RUNS = "splits", "people", "runs"
# What a row of a run must say for its measures to be compared; `tested` and `ratio` may be absent.
RUN = ("label", "seed", "fold", "tested", "ratio")
COUNTED = {
    SPLITS: "Differences are tested over splits by the corrected resampled t (Nadeau and Bengio 2003), which"
    " counts that splits share the people who train.",
    PEOPLE: "Differences are tested over the people of one split, each counted by his images, and over seeds,"
    " both random (two-way random effects).",
    RUNS: "Where people or the sizes of the splits are unknown, or the measure is not one of people,"
    " differences are tested over the runs alone, which says nothing of other people.",
}

SHARED = "How much seeds differ is learnt from these differences together (moderated t, Smyth 2004)."


class Pair(NamedTuple):
    """A measure of two methods in the same run: one seed, one fold.

    Attributes:
      first, second: the measure of each; the difference is first - second.
      tested: who was tested, equal in runs of one split; None if unknown.
      ratio: size of the test side over that of the training side; None if unknown.
      people: person -> (images, how many of them the first has right, the second); {} if unknown, or if the
        measure is no accuracy.
    """

    first: float
    second: float
    tested: Hashable = None
    ratio: float | None = None
    people: Mapping[str, tuple[int, int, int]] = {}


class Difference(NamedTuple):
    """Mean difference of two methods.

    Attributes:
      mean: in the unit of the measure.
      half: half the width of its 95 % interval; nan where nothing can be said.
      p: two-sided; None where there is nothing to test.
      unit: what was counted, a key of `COUNTED`.
      pairs: number of runs that both methods have.
      crossed: of people and seeds, what the interval is made from; None of one seed.
      shared: whether other differences have told how much its seeds differ.
    """

    mean: float
    half: float
    p: float | None
    unit: str
    pairs: int
    crossed: Crossed | None = None
    shared: bool = False


class Crossed(NamedTuple):
    """A two-way table of differences in short."""

    squares: MeanSquares
    people: int
    seeds: int


def pairs(rows: Iterable[dict], label: str, other: str, measure: str) -> list[Pair]:
    """What `difference` takes, for each seed and fold that both methods have.

    Args:
      rows: one a run: `RUN`, the measure by name, and 'people', measure -> person -> (images, hits).
    """
    rows = [row for row in rows if measure in row]
    there = {(row["seed"], row["fold"]): row for row in rows if row["label"] == other}
    both = [
        (row, there[key])
        for row in rows
        if row["label"] == label and (key := (row["seed"], row["fold"])) in there
    ]
    return [
        Pair(a[measure], b[measure], a.get("tested"), a.get("ratio"), _shared(a, b, measure))
        if a.get("tested") == b.get("tested")
        else Pair(a[measure], b[measure])
        for a, b in both
    ]


def _shared(a: dict, b: dict, measure: str) -> dict[str, tuple[int, int, int]]:
    first, second = (row.get("people", {}).get(measure, {}) for row in (a, b))
    if {who: images for who, (images, _) in first.items()} != {who: n for who, (n, _) in second.items()}:
        return {}
    return {who: (images, hits, second[who][1]) for who, (images, hits) in first.items()}


def difference(pairs: Sequence[Pair]) -> Difference | None:
    """Mean difference, 95 % interval and p value of two methods from their runs; None for no pair.

    Differences that are equal up to rounding are no evidence of anything: they have neither interval nor p.
    """
    if not pairs:
        return None
    found = estimated(pairs)
    size = max(max(abs(pair.first), abs(pair.second)) for pair in pairs)
    told = _tested(found, size, len(pairs))
    several = found.unit == PEOPLE and told.p is not None and min(found.values.shape) > 1
    return (
        told._replace(crossed=Crossed(mean_squares(found.values), *found.values.shape)) if several else told
    )


class Estimate(NamedTuple):
    """A mean difference before it is judged.

    Attributes:
      mean, error, freedom: with its standard error, nan where nothing can be said, and degrees of freedom.
      values: what it is the mean of: differences of splits or runs [n], or of people and runs [P, S].
      unit: what was counted, a key of `COUNTED`.
    """

    mean: float
    error: float
    freedom: float
    values: np.ndarray
    unit: str


def estimated(pairs: Sequence[Pair]) -> Estimate:
    """The mean difference by what varies between the runs, one of them at least."""
    splits: dict[Hashable, list[Pair]] = {}
    for pair in pairs:
        splits.setdefault(pair.tested, []).append(pair)
    ratios = [pair.ratio for pair in pairs if pair.ratio is not None]
    if None not in splits and len(splits) > 1 and len(ratios) == len(pairs):
        # runs of the same people and another seed say nothing new of people: they are one value
        values = np.array([np.mean([p.first - p.second for p in own]) for own in splits.values()])
        return Estimate(*resampled(values, float(np.mean(ratios))), values, SPLITS)
    images = _images(pairs[0].people)
    alike = all(_images(pair.people) == images for pair in pairs)
    if None not in splits and len(splits) == 1 and sum(map(bool, images.values())) > 1 and alike:
        values = by_person(pairs)
        return Estimate(*crossed(values), values, PEOPLE)
    values = np.array([pair.first - pair.second for pair in pairs])
    return Estimate(*resampled(values, 0.0), values, RUNS)


def _images(people: Mapping[str, tuple[int, int, int]]) -> dict[str, int]:
    return {who: images for who, (images, *_) in people.items()}


def _tested(found: Estimate, size: float, count: int) -> Difference:
    mean, error, freedom, values, unit = found
    if not freedom or not np.isfinite(error) or np.ptp(values) <= ROUNDING * size:
        return Difference(mean, np.nan, None, unit, count)
    return Difference(mean, *_students(mean, error, freedom), unit, count)


def _students(mean: float, error: float, freedom: float) -> tuple[float, float]:
    """(half the width of the 95 % interval, two-sided p) of Student's t."""
    return float(stats.t.ppf(0.975, freedom) * error), float(2 * stats.t.sf(abs(mean) / error, freedom))


def by_person(pairs: Sequence[Pair]) -> np.ndarray:
    """Differences of accuracy [people, runs] whose mean over people is the difference over all images.

    A person counts by his images, one without any not at all: D + (n / mean n) (d - D), with D the run's
    difference and d the person's.
    """
    seen = [who for who, (images, *_) in pairs[0].people.items() if images]
    found = np.array([[pair.people[who] for pair in pairs] for who in seen], float)
    images, gained = found[..., 0], found[..., 1] - found[..., 2]
    whole = gained.sum(0) / images.sum(0)
    return whole + images / images.mean(0) * (gained / images - whole)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Step-down adjusted p values (Holm 1979), in the given order; None is kept, and counts as no test."""
    order = sorted((k for k, p in enumerate(p_values) if p is not None), key=lambda k: p_values[k])
    adjusted, least = list(p_values), 0.0
    for done, k in enumerate(order):
        least = min(1.0, max(least, (len(order) - done) * p_values[k]))
        adjusted[k] = least
    return adjusted


def adjusted(
    found: Sequence[Difference | None], measures: Sequence[Hashable] | None = None
) -> list[Difference | None]:
    """Differences of one page with p values of Holm over all of them; intervals are not widened for their
    number. How much seeds differ is told by all differences of a measure together, see `moderation`.

    Args:
      measures: what each difference is of; None: all of one measure.
    """
    ones, of = list(found), measures or [None] * len(found)
    for measure in dict.fromkeys(of):
        known = [k for k, one in enumerate(ones) if of[k] == measure and one is not None and one.crossed]
        own = [_of_seeds(ones[k].crossed) for k in known]
        for k, before, after in zip(known, own, moderated(own)):
            if after != before:
                ones[k] = _by(ones[k], after)
    p_values = holm([None if one is None else one.p for one in ones])
    return [None if one is None else one._replace(p=p) for one, p in zip(ones, p_values)]


def _of_seeds(crossed: Crossed) -> Variance:
    """Of the differences of a seed, in the unit of the measure; it does not grow with the people."""
    return Variance(crossed.squares.seeds / crossed.people, crossed.seeds - 1)


def _by(one: Difference, of_seeds: Variance) -> Difference:
    """The difference with another variance of seeds."""
    squares, people, seeds = one.crossed
    squares = squares._replace(seeds=people * of_seeds.value)
    variance, freedom = of_both(squares, people, seeds, of_seeds.freedom)
    half, p = _students(one.mean, float(np.sqrt(variance)), freedom)
    return one._replace(half=half, p=p, shared=True)


def note(found: Iterable[Difference | None]) -> str:
    """What the tests of these differences count, in a sentence for each kind; '' where nothing is tested."""
    tested = [one for one in found if one is not None and one.p is not None]
    counted = [text for unit, text in COUNTED.items() if any(one.unit == unit for one in tested)]
    if not counted:
        return ""
    if any(one.shared for one in tested):
        counted.append(SHARED)
    holms = f"p is Holm's over {len(tested)} comparisons; intervals are not widened for their number."
    return " ".join([*counted, *([holms] if len(tested) > 1 else [])])
