"""Comparing weighting strategies: a run of each for every seed and fold, then tables, plots and a page."""

from __future__ import annotations

from collections.abc import Sequence

from dmljax import config as configuration
from dmljax import extras, run_folder
from dmljax.studies import members, results
from dmljax.studies.study import Outcome, StudyOptions, check_kind, problem_lines, run_missing, without


def compare(config, strategies: Sequence[str], options: StudyOptions) -> Outcome:
    """Runs weighting strategies where runs are missing, and writes comparison.md, .csv and .html.

    Args:
      config: what every run has in common, see `dmljax.get_config`.
      strategies: names of weightings; equal, random and single-task weights are always among them.
      options: which runs, and where.

    Returns:
      what came of it; runs that failed are in it and raise nothing.

    Raises:
      UserError: an unknown strategy; seeds or folds that are none; a folder with another study; or the
        report's libraries are not installed.

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
    planned = members.of_strategies(config, strategies, options.seeds, options.folds, folder)
    failures = run_missing(config, planned, options)
    rows, unreadable = results.read(without(planned, failures))
    notes = results.mixed(rows)
    if not rows:
        return Outcome(rows, failures, unreadable, notes, [], None)
    told = [*problem_lines(failures, unreadable), *notes]
    shown, page = comparison.write(folder, rows, told, len(planned))
    return Outcome(rows, failures, unreadable, notes, shown, page)
