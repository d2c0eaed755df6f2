"""How often pages that compare methods which are alike show a difference, and how often intervals hold."""

import json
from itertools import product

import numpy as np
from absl import flags
from dmljax.launch import cli

from dmljax.report import differences
from dmljax.report.levels import level
from dmljax.report.tables import markdown

SUMMARY = "Simulates pages of methods that are alike, and counts false alarms and intervals that hold."
USAGE = """\
    python benchmarks/comparisons.py --out=benchmarks/comparisons.jsonl [--pages=1000]

Twenty-one methods, the first compared with all others. A person is right as often in all methods, but for
what he has with each; a run differs from another of its method by its seed. Each page is tested twice: every
difference by its own seeds, and with how much seeds differ learnt from all of them, as pages here do.
"""
OTHERS, IMAGES, ACCURACY = 20, 35, 0.6
OF_PEOPLE, WITH_METHOD = 0.1, 0.02  # deviations of a person's accuracy: in all methods, and with one of them
SEEDS, PEOPLE, RUNS = (3, 5), (40, 100), (0.005, 0.01, 0.02)  # the last: deviation of a method's runs
HEAD = [
    "seeds",
    "people",
    "runs differ by, points",
    "pages with p < 0.05, own seeds, %",
    "seeds together, %",
    "intervals that hold, %",
    "beside own seeds' width",
    "of accuracies that hold, %",
]


def define(values) -> None:
    flags.DEFINE_integer("pages", 1000, "simulated pages of each kind", lower_bound=2, flag_values=values)
    flags.DEFINE_integer("seed", 0, "of all random numbers", flag_values=values)
    flags.DEFINE_string("out", "", "file for a JSON line a kind of page", flag_values=values)


def page(rng, seeds: int, people: int, of_runs: float) -> list[dict]:
    """Rows of the runs of all methods, as `differences.pairs` takes them."""
    everywhere = ACCURACY + OF_PEOPLE * rng.standard_normal(people)
    rows = []
    for method in range(OTHERS + 1):
        own = everywhere + WITH_METHOD * rng.standard_normal(people)
        for seed in range(seeds):
            hits = rng.binomial(IMAGES, np.clip(own + of_runs * rng.standard_normal(), 0, 1))
            row = {"label": str(method), "seed": seed, "fold": 0, "tested": "all", "ratio": 1.0}
            counted = {str(who): (IMAGES, int(right)) for who, right in enumerate(hits)}
            rows.append(row | {"right": hits.mean() / IMAGES, "people": {"right": counted}})
    return rows


def judged(rows: list[dict]) -> dict[str, float]:
    """What a page says: false alarms, intervals that hold the truth, and their width."""
    methods = {label: [row for row in rows if row["label"] == label] for label in map(str, range(OTHERS + 1))}
    found = [
        differences.difference(differences.pairs(own + methods["0"], label, "0", "right"))
        for label, own in methods.items()
        if label != "0"
    ]
    together = differences.adjusted(found)
    first = level(methods["0"], "right")
    return {
        "alarm_own": min(differences.holm([one.p for one in found])) < 0.05,
        "alarm_together": min(one.p for one in together) < 0.05,
        "held": np.mean([abs(one.mean) <= one.half for one in together]),
        "width": np.median([one.half for one in together]) / np.median([one.half for one in found]),
        "level_held": first.low <= ACCURACY <= first.high,
    }


def simulated(values, seeds: int, people: int, of_runs: float) -> dict:
    """Means over pages of one kind."""
    rng = np.random.default_rng((values.seed, seeds, people, round(1000 * of_runs)))
    told = [judged(page(rng, seeds, people, of_runs)) for _ in range(values.pages)]
    means = {key: round(float(np.mean([each[key] for each in told])), 4) for key in told[0]}
    return {"seeds": seeds, "people": people, "runs": of_runs, "pages": values.pages} | means


def cells(line: dict) -> list[str]:
    share = lambda key: f"{100 * line[key]:.1f}"
    told = [share("alarm_own"), share("alarm_together"), share("held"), f"{line['width']:.2f}"]
    return [str(line["seeds"]), str(line["people"]), f"{100 * line['runs']:g}", *told, share("level_held")]


def run(values) -> None:
    lines = []
    for kind in product(SEEDS, PEOPLE, RUNS):
        lines.append(simulated(values, *kind))
        print(" | ".join(cells(lines[-1])), flush=True)
        if values.out:
            with open(values.out, "a", encoding="utf-8") as file:
                file.write(json.dumps(lines[-1]) + "\n")
    print(markdown([HEAD, *map(cells, lines)]))


if __name__ == "__main__":
    cli.run("benchmarks/comparisons.py", SUMMARY, USAGE, define, run)
