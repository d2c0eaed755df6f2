"""Comparing weighting strategies: a run of each for every seed and fold, then tables, plots and a page."""

from __future__ import annotations

from collections.abc import Sequence

from dmljax import config as configuration
from dmljax import extras, run_folder
from dmljax.fields import flatten
from dmljax.runs import decided
from dmljax.studies import members, results
from dmljax.studies.members import Member
from dmljax.studies.study import (
    Outcome,
    StudyOptions,
    check_folder,
    check_kind,
    problem_lines,
    run_missing,
    without,
)
from dmljax.studies.sweep import sweep
from dmljax.types import ANGLES, EXPRESSION, UserError


def compare(
    config, strategies: Sequence[str], options: StudyOptions, *, over: Sequence[str] = (), trials: int = 10
) -> Outcome:
    """Runs weighting strategies where runs are missing, and writes comparison.md, .csv and .html.

    Args:
      config: what every run has in common, see `dmljax.get_config`.
      strategies: names of weightings; equal, random and single-task weights are always among them.
      options: which runs, and where.
      over: fields that are tuned first, see `dmljax.sweep`: each run has a sweep of its own, whose validation
        people are of its own training side, so that nobody tests who was tuned on, and all strategies have
        the same number of trials.
      trials: of each such sweep.

    Returns:
      what came of it; runs that failed are in it and raise nothing.

    Raises:
      UserError: an unknown strategy, or one named twice; seeds or folds that are none; a folder with another
        study; or the report's libraries are not installed.

    Example:
      >>> import dmljax
      >>> options = dmljax.StudyOptions("runs/compare", jobs=2, progress=False)
      >>> outcome = dmljax.compare(dmljax.get_config("quick"), ["dwa"], options)
      >>> outcome.page
      PosixPath('runs/compare/comparison.html')
    """
    configuration.check_kind(config)
    check_kind(options)
    extras.require("report", "matplotlib", "scipy", purpose="comparisons")
    from dmljax.report import comparison

    folder = run_folder.named(options.folder, "folder")
    heads = decided.heads_of_set(config)
    planned = members.of_strategies(config, strategies, options.seeds, options.folds, folder, heads)
    if over:
        check_folder(folder)  # before a sweep is made in it
        _check_over(planned, over)
        planned = [_tuned(config, member, over, trials, options, heads) for member in planned]
    failures = run_missing(config, planned, options)
    rows, unreadable = results.read(without(planned, failures))
    notes = [*results.mixed(rows), *results.one_loss(rows)]
    if not rows:
        return Outcome(rows, failures, unreadable, notes, [], None)
    told = [*problem_lines(failures, unreadable), *notes]
    tuned = _chosen(config, planned, over)
    shown, page = comparison.write(folder, rows, told, len(planned), tuned)
    return Outcome(rows, failures, unreadable, notes, shown, page)


def _check_over(planned: list[Member], over: Sequence[str]) -> None:
    for field in _fields(over):
        if field in {changed for member in planned for changed in member.changes}:
            raise UserError(f"{field} is what the runs differ in, and cannot be tuned", parameter="over")


def _fields(over: Sequence[str]) -> list[str]:
    return [text.partition("=")[0].strip() for text in over]


def _tuned(config, member: Member, over: Sequence[str], trials: int, options: StudyOptions, heads) -> Member:
    """The member with the values that its sweep finds best; as it is where no trial was complete."""
    options.say(f"tuning {member.label}, seed {member.seed}, fold {member.fold}")
    place = member.folder.parent / f"sweep_{member.folder.name}"
    task = member.single or (heads or (EXPRESSION,))[0]
    found = sweep(
        configuration.changed(config, member.changes),
        over,
        options._replace(folder=place, seeds=(member.seed,), folds=(member.fold,)),
        trials=trials,
        measure=f"{'error' if task == ANGLES else 'accuracy'}/{task}",
    )
    if not found.best:
        options.say(f"{place}: no trial is complete; {member.label} is run as it is configured")
    return member._replace(changes=member.changes | found.best)


def _chosen(config, planned: list[Member], over: Sequence[str]) -> list[list[str]]:
    """What each run's sweep chose: a table, the header first; [] where nothing was tuned."""
    if not (fields := _fields(over)):
        return []
    known = flatten(config.to_dict())
    rows = [
        [member.label, str(member.seed), str(member.fold)]
        + [_in_words(member.changes.get(field, known[field])) for field in fields]
        for member in planned
    ]
    return [["strategy", "seed", "fold", *fields], *rows]


def _in_words(value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
