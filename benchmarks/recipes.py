"""Recipes side by side: what optimizer, schedule, losses and augmentation make of the quick configuration."""

import json
from pathlib import Path
from typing import NamedTuple

from absl import flags
from dmljax.launch import _define, cli

import dmljax
from dmljax.config import changed
from dmljax.report import differences, statistics
from dmljax.report.tables import markdown
from dmljax.studies import measures, members, results, study
from dmljax.types import UserError

SUMMARY = "Compares recipes, each at the learning rate that its own sweep chose on validation people."
USAGE = """\
    python benchmarks/recipes.py --run=runs/recipes --jobs=2
    python benchmarks/recipes.py --run=runs/recipes --out=benchmarks/recipes.jsonl

All sweeps try the same number of learning rates, at a quarter of the length, on people held out of the
training side. Then each recipe is trained in full with each seed, as long as the others. Goes on where it was
stopped; prints a table of test people, the differences paired with the recipe of the quick configuration.
"""
ADAM, SGD = (1e-3, 2e-3, 4e-3, 8e-3), (2e-2, 5e-2, 1e-1, 2e-1)
BASE, RATE = "as it is", "optimizer.learning_rate"


class Recipe(NamedTuple):
    """Changes of the quick configuration, and the learning rates to choose among."""

    changes: dict
    rates: tuple[float, ...] = ADAM


ONE_CYCLE = {"optimizer.name": "adamw", "optimizer.adamw.weight_decay": 0.05, "schedule.name": "one_cycle"}
RECIPES = {
    BASE: Recipe({}),
    "AdamW with one cycle": Recipe(ONE_CYCLE),
    "SGD with cosine": Recipe(
        {"optimizer.name": "sgd", "optimizer.sgd.nesterov": True, "schedule.name": "cosine"}, SGD
    ),
    "label smoothing 0.1": Recipe({"losses.expression.smoothing": 0.1}),
    "mix-up 0.3": Recipe({"mix.mixup": 0.3}),
    "RandAugment": Recipe({"augment.chain": ("rand_augment",)}),
    "AdamW with one cycle and label smoothing 0.1": Recipe(ONE_CYCLE | {"losses.expression.smoothing": 0.1}),
}


def define(values) -> None:
    _define.config(values, "quick")
    flags.DEFINE_string("run", "runs/recipes", "folder of the runs", flag_values=values)
    flags.DEFINE_string("length", "", "of the trainings; empty: the configuration's", flag_values=values)
    flags.DEFINE_string("tuning", "10 epochs", "length of a sweep's trials", flag_values=values)
    flags.DEFINE_list("seeds", ["0", "1", "2"], "seeds of the trainings", flag_values=values)
    flags.DEFINE_list("names", [], "recipes; empty: all", flag_values=values)
    flags.DEFINE_integer("jobs", 1, "runs at a time", lower_bound=1, flag_values=values)
    flags.DEFINE_string("out", "", "file for a JSON line a training", flag_values=values)


def tuned(name: str, recipe: Recipe, values) -> tuple[dict, float]:
    """(the recipe's changes with the best learning rate, its accuracy on validation people)."""
    config = changed(values.config, recipe.changes | {"train.duration": values.tuning})
    options = study.StudyOptions(folder(values, name) / "sweep", jobs=values.jobs, progress=False)
    over = [f"{RATE}={','.join(f'{rate:g}' for rate in recipe.rates)}"]
    swept = dmljax.sweep(config, over, options, trials=0, prune=False)
    return recipe.changes | swept.best, swept.score


def folder(values, name: str) -> Path:
    return Path(values.run) / name.replace(" ", "_")


def run(values) -> None:
    names = values.names or list(RECIPES)
    if unknown := [name for name in names if name not in RECIPES]:
        raise UserError(f"must be of {', '.join(RECIPES)}; got '{unknown[0]}'", parameter="names")
    length = {"train.duration": values.length} if values.length else {}
    config = changed(values.config, length)
    chosen, planned = {}, []
    for name in names:
        changes, score = tuned(name, RECIPES[name], values)
        chosen[name] = (changes[RATE], score)
        for seed in map(int, values.seeds):
            place = Path(values.run) / "trained" / folder(values, name).name / members.run_name(seed, 0)
            planned.append(members.Member(name, seed, 0, place, changes))
    options = study.StudyOptions(Path(values.run) / "trained", jobs=values.jobs, progress=False)
    failures = study.run_missing(config, planned, options)
    rows, unreadable = results.read(study.without(planned, failures))
    print("\n".join([*study.problem_lines(failures, unreadable), *results.mixed(rows)]))
    print(markdown(table(names, rows, chosen)))
    if values.out:
        keep = ("label", "seed", "expression accuracy", "pose accuracy", "train_s", "made")
        lines = [
            {key: row[key] for key in keep if key in row} | {RATE: chosen[row["label"]][0]} for row in rows
        ]
        Path(values.out).write_text("".join(json.dumps(line) + "\n" for line in lines))


def table(names: list[str], rows: list[dict], chosen: dict) -> list[list[str]]:
    """A line a recipe: its learning rate, the accuracies, and the difference from the first of `RECIPES`."""
    others = [name for name in names if name != BASE]
    found = differences.adjusted([measures.difference(rows, name, BASE) for name in others])
    against = dict(zip(others, found))
    lines = [
        ["recipe", "learning rate", "runs", "expression, %", "95 %", "pose, %", "95 %", *statistics.COMPARED]
    ]
    for name in names:
        own = measures.of(rows, name)
        lines.append(
            [
                name,
                f"{chosen[name][0]:g}",
                str(len(own)),
                *measures.percent(own),
                *measures.percent(own, "pose accuracy"),
                *statistics.compared(against.get(name)),
            ]
        )
    return lines


if __name__ == "__main__":
    cli.run("benchmarks/recipes.py", SUMMARY, USAGE, define, run)
