"""95 % intervals of accuracies and errors, over people: images of one person are alike.

Wilson's interval, over images, stands only where no person is known.
"""

from __future__ import annotations

import numpy as np
from scipy import special, stats

from dmljax.metrics import angles
from dmljax.metrics.counts import wilson
from dmljax.types import ANGLE_NAMES, ANGLES, EXPRESSION, POSE

PEOPLE, IMAGES = "people", "images"  # what intervals are over


def over_people(hits: np.ndarray, counts: np.ndarray) -> tuple[float, float]:
    """95 % interval of the share sum(hits) / sum(counts), people being drawn, not images.

    With share p, P people and e_i = hits_i - p counts_i, the ratio's standard error s is

        s^2 = P / (P - 1) sum_i e_i^2 / (sum_i counts_i)^2

    (Cochran, 1977), and the interval is Student's with P - 1 degrees of freedom on the logit scale, where the
    error is s / (p (1 - p)). Errors of half an image are the least that is reckoned with: also where all
    people are equal, or everything is right. One person is one draw, with Wilson's interval.

    Args:
      hits, counts: of each person, [P]; people without images do not count.

    Returns:
      (low, high), 0..1; nan where nothing was counted.
    """
    hits, counts = (np.asarray(each, float)[np.asarray(counts) > 0] for each in (hits, counts))
    people = len(counts)
    if not people:
        return float("nan"), float("nan")
    total, share = counts.sum(), hits.sum() / counts.sum()
    if people == 1:
        return wilson(share, 1)
    error = np.sqrt(((hits - share * counts) ** 2).sum() * people / (people - 1)) / total
    return on_logit(share, max(error, least_error(people, total)), people - 1, total)


def least_error(people: int, images: int) -> float:
    """The standard error of a share by an error of half an image in all."""
    return 0.5 * np.sqrt(people / (people - 1)) / images


def on_logit(share: float, error: float, freedom: float, images: int) -> tuple[float, float]:
    """Student's 95 % interval of a share on the logit scale; its ends are 0 and 1 only where the share is.

    Args:
      error, freedom: the share's standard error, and degrees of freedom.
      images: that were counted: a share counts as half an image away from 0 and 1 at least.
    """
    inside = np.clip(share, 0.5 / images, 1 - 0.5 / images)
    half = stats.t.ppf(0.975, freedom) * error / (inside * (1 - inside))
    low, high = special.expit(special.logit(inside) + np.array([-half, half]))
    return float(low if share > 0 else 0), float(high if share < 1 else 1)


def of_predictions(score: dict, rows: list[dict]) -> dict:
    """What the predictions say about the accuracies of a score.

    Args:
      score: with 'names', 'yaw' and 'scores', see `scores.read_off`.
      rows: of `scores.predictions`, of all folds. Where people are known, a row without is one of its own.

    Returns:
      'intervals_over': 'people', or 'images' where nobody is known. 'images_of_nobody': how many have no
      person. 'intervals': [low, high] of the
      accuracies by name. 'class_intervals': by head, of each class. 'cell_intervals': of each expression (and
      all) at each pose (and all). None in place of [low, high] where nothing was counted. 'error_intervals':
      of the errors of angles by name, where there are any.
    """
    column = {name: np.array([row[name] for row in rows]) for name in ("identity", EXPRESSION, POSE)}
    over = PEOPLE if (column["identity"] != "").any() else IMAGES
    own = [row["identity"] or f"\0{number}" for number, row in enumerate(rows)]
    people = np.unique(own, return_inverse=True)[1]
    right = {h: np.array([row[h] == row[f"{h}_predicted"] for row in rows]) for h in score["confusion"]}

    def of(head: str, chosen: np.ndarray) -> list[float] | None:
        chosen = chosen & (column[head] != "")
        if head not in right or not chosen.any():
            return None
        if over == IMAGES:
            return list(wilson(int(right[head][chosen].sum()), int(chosen.sum())))
        hits = np.bincount(people[chosen], right[head][chosen])
        return list(over_people(hits, np.bincount(people[chosen])))

    every = np.ones(len(rows), bool)
    is_one = {head: [column[head] == name for name in score["names"][head]] for head in (EXPRESSION, POSE)}
    frontal = [at for at, yaw in zip(is_one[POSE], score["yaw"]) if yaw == 0]
    found = {f"{head} accuracy": of(head, every) for head in right}
    found["expression accuracy, frontal"] = of(EXPRESSION, np.any([*frontal, ~every], 0))
    posed = column[POSE] != ""
    return {
        "intervals_over": over,
        "images_of_nobody": int((column["identity"] == "").sum()),
        "intervals": {name: bounds for name, bounds in found.items() if bounds},
        "class_intervals": {head: [of(head, one) for one in is_one[head]] for head in right},
        "cell_intervals": [
            [of(EXPRESSION, e & p & posed) for p in [*is_one[POSE], every]]
            for e in [*is_one[EXPRESSION], every]
        ],
        **({"error_intervals": angles.intervals(_errors(rows), people)} if score.get(ANGLES) else {}),
    }


def _errors(rows: list[dict]) -> np.ndarray:
    """Of the angles, degrees, float64 [N, 3]; nan where there is none."""
    number = lambda text: float(text or "nan")
    column = lambda end: np.array([[number(row.get(f"{n}{end}", "")) for n in ANGLE_NAMES] for row in rows])
    return angles.errors(column("_predicted"), column(""))
