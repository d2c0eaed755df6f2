"""A method beside itself with one thing changed, under one condition or several: its runs and their table."""

from pathlib import Path
from typing import NamedTuple

import kept
from absl import flags
from dmljax.launch import _define

from dmljax.config import changed
from dmljax.report import differences, statistics
from dmljax.report.differences import Difference
from dmljax.report.tables import markdown
from dmljax.studies import measures, members, results, study
from dmljax.types import UserError, nearest

TEST = Path(__file__).with_name("test_people.txt")
COLUMNS = ("condition", "what", "runs", "expression, %", "95 %", *statistics.COMPARED)


class Variants(NamedTuple):
    """What is compared.

    Attributes:
      conditions: what each changes in the configuration, by its name.
      methods: what each changes besides; the first is what the others are compared with.
    """

    conditions: dict[str, dict]
    methods: dict[str, dict]

    def among(self, conditions: list[str]) -> "Variants":
        """Under some of the conditions; none: all of them.

        Raises:
          UserError: an unknown one.
        """
        if unknown := [name for name in conditions if name not in self.conditions]:
            known = "; ".join(self.conditions)
            raise UserError(
                f"must be of: {known}; got '{unknown[0]}'.{nearest(unknown[0], self.conditions)}",
                parameter="conditions",
            )
        return self._replace(
            conditions={name: self.conditions[name] for name in conditions or self.conditions}
        )

    def planned(self, seeds: list[int], folder: Path) -> list[members.Member]:
        """Seed by seed, so that what is unfinished is balanced."""
        return [
            members.Member(
                f"{condition}: {method}",
                seed,
                0,
                folder / _folder(condition) / _folder(method) / members.run_name(seed, 0),
                given | changes,
            )
            for seed in seeds
            for condition, given in self.conditions.items()
            for method, changes in self.methods.items()
        ]

    def table(self, rows: list[dict]) -> list[list[str]]:
        """A line a condition and method: accuracy, difference from the first, p by Holm over a condition."""
        lines = [list(COLUMNS)]
        for condition in self.conditions:
            against = self.compared(rows, condition)
            for method in self.methods:
                own = measures.of(rows, f"{condition}: {method}")
                cells = [*measures.percent(own), *statistics.compared(against.get(method))]
                lines.append([condition, method, str(len(own)), *cells])
        return lines

    def compared(self, rows: list[dict], condition: str) -> dict[str, Difference | None]:
        """Differences from the first method under a condition, by method."""
        first, *others = self.methods
        found = [
            measures.difference(rows, f"{condition}: {method}", f"{condition}: {first}") for method in others
        ]
        return dict(zip(others, differences.adjusted(found)))

    def map(self, rows: list[dict]) -> list[list[str]]:
        """A line a condition: accuracy of the first method, and in points what each other one has more; a
        tick where that is shown, p below 0.05.
        """
        first, *others = self.methods
        lines = [["condition", first, *others]]
        for condition in self.conditions:
            against = self.compared(rows, condition)
            own = measures.mean(measures.of(rows, f"{condition}: {first}"))
            lines.append([condition, own, *(_ticked(against[method]) for method in others)])
        return lines


def _ticked(found: Difference | None) -> str:
    shown = found is not None and found.p is not None and found.p < 0.05
    return measures.gain(found) + (" ✓" if shown else "")


def tested() -> int:
    """How many people test."""
    return len(TEST.read_text().split())


def _folder(name: str) -> str:
    return name.replace(" ", "_").replace(",", "")


def define(values, name: str) -> None:
    """Flags of a study; `name` is that of the folder of its runs and of its results."""
    _define.config(values, "quick")
    flags.DEFINE_string("run", f"runs/{name}", "folder of the runs", flag_values=values)
    flags.DEFINE_string("length", "2000 steps", "of each training", flag_values=values)
    flags.DEFINE_list("seeds", ["0", "1", "2"], "seeds of the trainings", flag_values=values)
    flags.DEFINE_integer("jobs", 1, "runs at a time", lower_bound=1, flag_values=values)
    flags.DEFINE_string(
        "out",
        str(TEST.with_name(f"{name}.jsonl")),
        "file of a JSON line a training; what it holds is not made again",
        flag_values=values,
    )


def run(compared: Variants, values) -> None:
    """Makes the runs that are missing, and prints the table."""
    try:
        seeds = [int(seed) for seed in values.seeds]
    except ValueError:
        raise UserError(f"must be whole numbers; got '{','.join(values.seeds)}'", parameter="seeds") from None
    members.check_numbers(values.config, seeds, (0,))
    split = {"split.kind": "list", "split.file": str(TEST), "train.duration": values.length}
    config, folder = changed(values.config, split), Path(values.run)
    planned = compared.planned(seeds, folder)
    results_file = kept.Kept(Path(values.out), config, planned)
    options = study.StudyOptions(folder, jobs=values.jobs, progress=True)
    lines = []
    size = 2 * values.jobs
    for start in range(0, len(planned), size):  # a few at a time, so that what is made is kept
        if missing := results_file.missing(planned[start : start + size]):
            failures = study.run_missing(config, missing, options)
            rows, unreadable = results.read(study.without(missing, failures))
            results_file.add(rows)
            lines += study.problem_lines(failures, unreadable)
    rows = results_file.of(planned)
    print("\n".join([*lines, *results.mixed(rows)]))
    print(markdown(compared.table(rows)))
    if len(compared.conditions) > 1:
        print(f"\n{markdown(compared.map(rows))}")
