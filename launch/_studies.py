"""What the commands that make many runs share: their flags, and what they print at the end."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

from absl import flags
from dmljax.launch import _define

from dmljax.types import UserError

if TYPE_CHECKING:  # what a listing of the commands does without
    from dmljax.report.parts import Part
    from dmljax.studies.study import Outcome, StudyOptions
    from dmljax.studies.tuning import Tuning


def whole_numbers(flag: str, texts) -> tuple[int, ...]:
    """The values of a list flag as whole numbers, or a UserError that names the flag."""
    try:
        return tuple(int(text) for text in texts)
    except ValueError:
        raise UserError(
            f"must be whole numbers such as 0,1,2; got '{','.join(texts)}'", parameter=flag
        ) from None


def key_values(flag: str, texts) -> dict[str, int | float | str]:
    """The values of a list flag of key=value texts by key, numbers as numbers, or a UserError."""
    options = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise UserError(f"must be key=value,key=value; got '{text}'", parameter=flag)
        options[key] = _number(value)
    return options


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(text)
    return text


def define(values, *, run: str, seeds: str, folds: str = "0") -> None:
    """The flags of commands that make many runs: which, how many at a time, and where."""
    define = flags.DEFINE_list
    define(
        "seeds", seeds.split(","), "seeds of data order, initial weights and augmentation", flag_values=values
    )
    define("folds", folds.split(","), "test folds by person", flag_values=values)
    flags.DEFINE_integer("jobs", 1, "runs at a time", lower_bound=1, flag_values=values)
    flags.DEFINE_string(
        "cluster",
        "",
        "empty: processes of this machine; slurm: jobs through submitit (dmljax[cluster]); local: such jobs,"
        " here",
        flag_values=values,
    )
    define(
        "cluster_options",
        [],
        "submitit's parameters, such as timeout_min=60,slurm_partition=gpu",
        flag_values=values,
    )
    flags.DEFINE_string("run", run, "folder of the runs and of what is made of them", flag_values=values)
    _define.gives(values, "run", "folder")
    _define.progress(values)


def define_tuning(values) -> None:
    """The flags of commands that tune what they set beside each other."""
    flags.DEFINE_multi_string(
        "over", [], "fields that a sweep tunes first, and what to try, as in dmljax sweep", flag_values=values
    )
    _define.several(values, "over")
    flags.DEFINE_integer("trials", None, "trials of each such sweep; not given: 10", flag_values=values)
    flags.DEFINE_enum(
        "tune",
        "each",
        ["each", "once"],
        "a sweep for each run, or one for each that is compared, with the first seed and fold",
        flag_values=values,
    )
    flags.DEFINE_string(
        "trial_duration", "", "length of a trial's training; empty: that of a run", flag_values=values
    )
    _define.gives(values, "trial_duration", "duration")


def tuning(values) -> Tuning:
    """The values of the flags that `define_tuning` makes."""
    from dmljax.studies.tuning import Tuning

    return Tuning(values.over, values.trials, values.tune == "once", values.trial_duration)


def options(values) -> StudyOptions:
    """The values of the flags that `define` makes."""
    from dmljax.studies.study import StudyOptions

    return StudyOptions(
        folder=values.run,
        seeds=whole_numbers("seeds", values.seeds),
        folds=whole_numbers("folds", values.folds),
        jobs=values.jobs,
        cluster=values.cluster,
        cluster_options=key_values("cluster_options", values.cluster_options),
        progress=values.progress,
    )


def show(outcome: Outcome, shown: list[Part]) -> int:
    """Prints what came of a study, failures apart from it; returns the exit code, 1 if a run failed."""
    from dmljax.report import parts

    for line in outcome.problems:
        print(line, file=sys.stderr)
    if shown:
        print(parts.terminal(shown))
    if outcome.page:
        print(f"tables and page: {outcome.page}")
    return 1 if outcome.failures else 0
