"""Comparing weighting strategies: a run of each for every seed and fold, then tables, plots and a page."""

from __future__ import annotations

from collections.abc import Sequence

from dmljax import config as configuration
from dmljax import extras, run_folder
from dmljax.runs import decided
from dmljax.studies import members, results, tuning
from dmljax.studies.study import (
    Outcome,
    StudyOptions,
    check_kind,
    problem_lines,
    run_missing,
    without,
)
from dmljax.studies.tuning import Tuning


def compare(config, strategies: Sequence[str], options: StudyOptions, tune: Tuning | None = None) -> Outcome:
    """Runs weighting strategies where runs are missing, and writes comparison.md, .csv and .html.

    Args:
      config: what every run has in common, see `dmljax.get_config`.
      strategies: names of weightings, each alone or in wrappers: 'dwa', 'dwa+shuffle', 'mgda+normalise=unit'
        (the fields of `weighting.wrap`). Equal, random and single-task weights are always among them.
      options: which runs, and where.
      tune: fields that are tuned first, in sweeps of the same number of trials, on validation people of the
        training side.

    Returns:
      what came of it; runs that failed are in it and raise nothing.

    Raises:
      UserError: an unknown strategy or wrapper, or one named twice; a field that cannot be tuned; seeds or
        folds that are none; a folder with another study; or the report's libraries are not installed.

    Example:
      >>> import dmljax
      >>> options = dmljax.StudyOptions("runs/compare", jobs=2, progress=False)
      >>> outcome = dmljax.compare(dmljax.get_config("quick"), ["dwa"], options)
      >>> outcome.page
      PosixPath('runs/compare/comparison.html')
    """
    configuration.check_kind(config)
    check_kind(options)
    extras.require("report", "matplotlib", "scipy", "sklearn", purpose="comparisons")
    from dmljax.report import comparison
    from dmljax.report.parts import Table
    from dmljax.studies import measures

    folder = run_folder.named(options.folder, "folder")
    heads = decided.heads_of_set(config)
    planned = members.of_strategies(config, strategies, options.seeds, options.folds, folder, heads)
    tune = Tuning() if tune is None else tune
    planned = tuning.prepared(config, planned, tune, options, folder, heads)
    failures = run_missing(config, planned, options)
    rows, unreadable = results.read(without(planned, failures))
    notes = [*results.mixed(rows), *results.one_loss(rows), *tuning.warnings(config, planned, tune, options)]
    if not rows:
        return Outcome(rows, failures, unreadable, notes, [], None)
    told = [*problem_lines(failures, unreadable), *notes]
    chosen = Table(tuning.table(config, planned, tune), title=tuning.title(tune))
    rows = [row | measures.quality(row) for row in rows]
    shown, page = comparison.write(folder, rows, told, len(planned), chosen)
    return Outcome(rows, failures, unreadable, notes, shown, page)
