"""How often intervals of an accuracy hold the truth: ours and bootstraps over people, and Wilson's."""

import json
import warnings
from itertools import product

import numpy as np
from absl import flags
from dmljax.launch import cli
from scipy import optimize, special, stats

from dmljax.metrics.counts import wilson
from dmljax.metrics.intervals import over_people
from dmljax.report.tables import markdown

SUMMARY = "Simulates test sets of people, and counts how often 95 % intervals hold the true accuracy."
USAGE = """\
    python benchmarks/intervals.py --out=benchmarks/intervals.jsonl [--sets=1000]

Each of a set's people is right with a probability of its own, normally distributed on the logit scale, in a
number of images that is the same for all or anything from 1 to 27. Every set gets every interval.
"""
PEOPLE, SHARES, SPREADS = (8, 15, 30, 77), (0.45, 0.85, 0.97), (0.0, 0.5, 1.0)
EACH, LEVEL = 14, 0.95  # images of a person, in the mean
OURS, WILSON = "ours, over people", "Wilson's, over images"
PERCENTILE, BCA, STUDENT = "bootstrap, percentile", "bootstrap, BCa", "bootstrap, studentised"
HEAD = ["interval", "people", "coverage", "least", "median width, points"]


def define(values) -> None:
    flags.DEFINE_integer("sets", 1000, "simulated sets of each kind", lower_bound=2, flag_values=values)
    flags.DEFINE_integer("draws", 999, "of a bootstrap", lower_bound=99, flag_values=values)
    flags.DEFINE_integer("seed", 0, "of all random numbers", flag_values=values)
    flags.DEFINE_string("out", "", "file for a JSON line a kind of set", flag_values=values)


def centre(share: float, spread: float) -> float:
    """Logit m with E expit(m + spread z) = share for normal z, by Gauss and Hermite."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    mean = lambda m: weights @ special.expit(m + spread * nodes) / weights.sum()
    return optimize.brentq(lambda m: mean(m) - share, -20, 20)


def errors(hits: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Standard errors of the shares sum(hits) / sum(counts) over the last axis, people."""
    people = hits.shape[-1]
    shares = hits.sum(-1) / counts.sum(-1)
    squares = (hits - shares[..., None] * counts) ** 2
    return np.sqrt(squares.sum(-1) * people / (people - 1)) / counts.sum(-1)


def bootstraps(hits: np.ndarray, counts: np.ndarray, draws: int, rng) -> dict[str, tuple[float, float]]:
    """Intervals of the share, people drawn with replacement (Efron & Tibshirani, 1993: 13, 12.5, 14.3)."""
    people = len(hits)
    chosen = rng.integers(people, size=(draws, people))
    drawn = hits[chosen].sum(1) / counts[chosen].sum(1)
    share, tails = hits.sum() / counts.sum(), np.array([(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    below = ((drawn < share).sum() + (drawn == share).sum() / 2) / draws
    bias = stats.norm.ppf(np.clip(below, 1 / draws, 1 - 1 / draws))
    without = (hits.sum() - hits) / (counts.sum() - counts)
    apart = without.mean() - without
    skew = (apart**3).sum() / max(6 * (apart**2).sum() ** 1.5, 1e-12)
    z = bias + stats.norm.ppf(tails)
    own = errors(hits[chosen], counts[chosen])
    t = (drawn - share)[own > 0] / own[own > 0]
    student = share - np.quantile(t, tails[::-1]) * errors(hits, counts) if len(t) else (share, share)
    return {
        PERCENTILE: tuple(np.quantile(drawn, tails)),
        BCA: tuple(np.quantile(drawn, stats.norm.cdf(bias + z / (1 - skew * z)))),
        STUDENT: tuple(student),
    }


def simulated(values, people: int, share: float, spread: float, uneven: bool) -> dict:
    """Coverage and median width of every interval on sets of one kind."""
    kind = (people, round(100 * share), round(10 * spread), int(uneven))
    rng, middle = np.random.default_rng((values.seed, *kind)), centre(share, spread)
    found: dict[str, list] = {}
    for _ in range(values.sets):
        right = special.expit(middle + spread * rng.standard_normal(people))
        counts = rng.integers(1, 2 * EACH, people) if uneven else np.full(people, EACH)
        hits = rng.binomial(counts, right)
        intervals = bootstraps(hits, counts, values.draws, rng)
        intervals |= {OURS: over_people(hits, counts), WILSON: wilson(int(hits.sum()), int(counts.sum()))}
        for name, (low, high) in intervals.items():
            found.setdefault(name, []).append((low <= share <= high, high - low))
    told = {name: np.array(each, float) for name, each in found.items()}
    return {
        "people": people,
        "share": share,
        "spread": spread,
        "uneven": uneven,
        "sets": values.sets,
        "coverage": {name: round(float(each[:, 0].mean()), 4) for name, each in told.items()},
        "width": {name: round(float(np.median(each[:, 1])), 5) for name, each in told.items()},
    }


def rows(lines: list[dict]) -> list[list[str]]:
    """For each interval and number of people: mean and least coverage over the kinds of sets, mean width."""
    found = []
    for name, people in product((OURS, STUDENT, BCA, PERCENTILE, WILSON), PEOPLE):
        own = [line for line in lines if line["people"] == people]
        covered = [100 * line["coverage"][name] for line in own]
        width = 100 * np.mean([line["width"][name] for line in own])
        found.append([name, str(people), f"{np.mean(covered):.1f}", f"{min(covered):.1f}", f"{width:.1f}"])
    return found


def run(values) -> None:
    warnings.simplefilter("ignore", RuntimeWarning)  # of sets in which all is right
    lines = []
    for kind in product(PEOPLE, SHARES, SPREADS, (False, True)):
        lines.append(simulated(values, *kind))
        print(kind, lines[-1]["coverage"], flush=True)
        if values.out:
            with open(values.out, "a", encoding="utf-8") as file:
                file.write(json.dumps(lines[-1]) + "\n")
    print(markdown([HEAD, *rows(lines)]))


if __name__ == "__main__":
    cli.run("benchmarks/intervals.py", SUMMARY, USAGE, define, run)
