"""When does each part of the method help? The method beside itself without one part, on many conditions."""

import json
from pathlib import Path
from typing import NamedTuple

from absl import flags
from dmljax.launch import _define, cli

from dmljax.config import changed
from dmljax.report import differences, statistics
from dmljax.report.tables import markdown
from dmljax.studies import measures, members, results, study
from dmljax.types import UserError, nearest

SUMMARY = (
    "Takes parts of the method away, by people, difficulty and how far the pose goes with the expression."
)
USAGE = """\
    python benchmarks/studies/parts.py --run=runs/parts --jobs=2 --out=benchmarks/studies/parts.jsonl
    python benchmarks/studies/parts.py --run=runs/parts --conditions="10 people, difficulty 0.3" --seeds=0

All runs are tested on the same 100 rendered people and trained for the same number of steps. Goes on where it
was stopped.
"""
TEST = Path(__file__).with_name("test_people.txt")
WHOLE = "the whole method"
EQUAL = {"weighting.name": "equal"}
PARTS = {
    WHOLE: {},
    "without eyes and mouth": {"model.branches": ("face",)},
    "without the pose head": {"model.pose_head": False},
    "without pose triplets": {"losses.triplets": ("identity",)},
    "without identity triplets": {"losses.triplets": ("pose",)},
    "without dynamic weights": EQUAL,
    "heads on the fused feature": {"model.expression_input": "fused", "model.pose_input": "fused"},
    "without all of them": {"model.branches": ("face",), "model.pose_head": False, "losses.triplets": ()}
    | EQUAL,
}


class Condition(NamedTuple):
    """Who trains, and on what.

    Attributes:
      people: who train.
      difficulty: of the rendered set.
      correlation: of pose and expression in training, `split.correlation`; None: all images train.
    """

    people: int
    difficulty: float
    correlation: float | None = None

    def __str__(self) -> str:
        tells = "" if self.correlation is None else f", correlation {self.correlation:g}"
        return f"{self.people} people, difficulty {self.difficulty:g}{tells}"

    @property
    def changes(self) -> dict:
        tested = len(TEST.read_text().split())
        chosen = {"dataset.synthetic.images": 2, "split.shown": 2, "split.correlation": self.correlation}
        return ({} if self.correlation is None else chosen) | {
            "dataset.synthetic.identities": tested + self.people,
            "dataset.synthetic.difficulty": self.difficulty,
        }


CONDITIONS = {
    str(condition): condition
    for condition in (
        *(Condition(people, difficulty) for difficulty in (0.3, 0.5) for people in (10, 20, 40, 80)),
        *(Condition(80, 0.3, correlation) for correlation in (0.0, 0.5, 0.9)),
    )
}
COLUMNS = ("condition", "part", "runs", "expression, %", "95 %", *statistics.COMPARED)


def define(values) -> None:
    _define.config(values, "quick")
    flags.DEFINE_string("run", "runs/parts", "folder of the runs", flag_values=values)
    flags.DEFINE_string("length", "2000 steps", "of each training", flag_values=values)
    flags.DEFINE_multi_string("conditions", [], "conditions; none: all", flag_values=values)
    flags.DEFINE_list("seeds", ["0", "1", "2"], "seeds of the trainings", flag_values=values)
    flags.DEFINE_integer("jobs", 1, "runs at a time", lower_bound=1, flag_values=values)
    flags.DEFINE_string("out", "", "file for a JSON line a training", flag_values=values)


def planned(conditions: list[str], seeds: list[int], folder: Path) -> list[members.Member]:
    """Seed by seed, so that what is unfinished is balanced."""
    return [
        members.Member(
            f"{condition}: {part}",
            seed,
            0,
            folder
            / condition.replace(" ", "_").replace(",", "")
            / part.replace(" ", "_")
            / members.run_name(seed, 0),
            CONDITIONS[condition].changes | changes,
        )
        for seed in seeds
        for condition in conditions
        for part, changes in PARTS.items()
    ]


def table(conditions: list[str], rows: list[dict]) -> list[list[str]]:
    """A line a condition and part: accuracy, the difference without the part, p of Holm over a condition."""
    lines = [list(COLUMNS)]
    for condition in conditions:
        without = [part for part in PARTS if part != WHOLE]
        whole = f"{condition}: {WHOLE}"
        lost = differences.adjusted(
            [measures.difference(rows, f"{condition}: {part}", whole) for part in without]
        )
        against = dict(zip(without, lost))
        for part in PARTS:
            own = measures.of(rows, f"{condition}: {part}")
            cells = [*measures.percent(own), *statistics.compared(against.get(part))]
            lines.append([condition, part, str(len(own)), *cells])
    return lines


def run(values) -> None:
    conditions = values.conditions or list(CONDITIONS)
    if unknown := [name for name in conditions if name not in CONDITIONS]:
        known = "; ".join(CONDITIONS)
        raise UserError(
            f"must be of: {known}; got '{unknown[0]}'.{nearest(unknown[0], CONDITIONS)}",
            parameter="conditions",
        )
    try:
        seeds = [int(seed) for seed in values.seeds]
    except ValueError:
        raise UserError(f"must be whole numbers; got '{','.join(values.seeds)}'", parameter="seeds") from None
    members.check_numbers(values.config, seeds, (0,))
    split = {"split.kind": "list", "split.file": str(TEST), "train.duration": values.length}
    config = changed(values.config, split)
    folder = Path(values.run)
    each = planned(conditions, seeds, folder)
    failures = study.run_missing(config, each, study.StudyOptions(folder, jobs=values.jobs, progress=True))
    rows, unreadable = results.read(study.without(each, failures))
    print("\n".join([*study.problem_lines(failures, unreadable), *results.mixed(rows)]))
    print(markdown(table(conditions, rows)))
    if values.out:
        keep = ("label", "seed", "expression accuracy", "pose accuracy", "train_s", "made")
        lines = [json.dumps({key: row[key] for key in keep if key in row}) for row in rows]
        Path(values.out).write_text("".join(f"{line}\n" for line in lines))


if __name__ == "__main__":
    cli.run("benchmarks/studies/parts.py", SUMMARY, USAGE, define, run)
