"""The measure of one method over its runs: mean and 95 % interval, counting what the runs share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from scipy import stats

from dmljax.metrics.counts import wilson
from dmljax.metrics.intervals import least_error, on_logit
from dmljax.report.differences import ROUNDING, RUNS, Pair, estimated


class Level(NamedTuple):
    """A mean and its 95 % interval, which is nan where nothing can be said."""

    mean: float
    low: float
    high: float


def level(rows: Iterable[dict], measure: str) -> Level | None:
    """The mean of a measure over runs, with an interval over what `differences` counts: other people and
    other seeds, or other splits. None for no run.

    An accuracy of people has its interval on the logit scale, of one run that of `intervals.over_people`: it
    does not leave 0..1, and there is one where all is right, too. Any other measure has Student's over the
    runs, and none where all are alike.

    Args:
      rows: as for `differences.pairs`.
    """
    rows = [row for row in rows if measure in row]
    if not rows:
        return None
    of_people = [row.get("people", {}).get(measure, {}) for row in rows]
    nothing = lambda people: {who: (images, hits, 0) for who, (images, hits) in people.items()}
    found = estimated(
        [
            Pair(row[measure], 0.0, row.get("tested"), row.get("ratio"), nothing(people))
            for row, people in zip(rows, of_people)
        ]
    )
    counts = [[images for images, _ in people.values() if images] for people in of_people]
    if found.unit == RUNS and all(len(each) == 1 for each in counts):  # one person is one draw
        return Level(found.mean, *wilson(found.mean, 1))
    if found.unit == RUNS or not all(counts):
        told = found.freedom and np.ptp(found.values) > ROUNDING * abs(found.mean)
        half = stats.t.ppf(0.975, found.freedom) * found.error if told else np.nan
        return Level(found.mean, found.mean - half, found.mean + half)
    people, images = len(counts[0]), sum(counts[0])
    least = least_error(people, images)
    error, freedom = (found.error, found.freedom) if found.error > least else (least, people - 1)
    return Level(found.mean, *on_logit(found.mean, error, freedom, images))
