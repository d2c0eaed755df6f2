"""Sweeps: runs of a configuration with other values of some fields, chosen by validation people alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from ml_collections import ConfigDict

from dmljax import bars, extras, run_folder
from dmljax import config as configuration
from dmljax.runs import kept_tables, lock
from dmljax.studies import engines, members, running, space, storage, study
from dmljax.studies.study import StudyOptions
from dmljax.studies.trials import Measure, Trial, Watched
from dmljax.studies.trials import run as run_trials
from dmljax.types import UserError, nearest

MEASURES = {
    "accuracy/expression": True,
    "accuracy/pose": True,
    "loss": False,
    "loss/expression": False,
    "loss/pose": False,
    "error/angles": False,
    "loss/angles": False,
}  # of validation people -> whether more is better
VALIDATION = 0.2  # share of the training people who choose, where the configuration holds nobody out
BEST = "best.json"
OVER = ("COMPLETE", "PRUNED", "FAIL")  # states of Optuna's trials
WHY = "failed"  # attribute of Optuna's trials


class Tried(NamedTuple):
    """One trial that is over.

    Attributes:
      number: from 0 on, in the order in which they began.
      values: by field, as texts.
      score: mean over its runs; None of one that failed or was stopped early.
      state: 'complete', 'stopped early' or 'failed'.
      reason: of one that failed.
    """

    number: int
    values: dict[str, str]
    score: float | None
    state: str
    reason: str = ""


class Swept(NamedTuple):
    """What came of a sweep.

    Attributes:
      best: the values of the best trial by field, as the configuration has them; {} where none is complete.
      score: its score on the validation people.
      trials: all that are over.
      importance: share of the scores' variance that each field explains (fANOVA), where there are enough.
      config: file of the configuration with the best values, for `get_config`; None where there is none.
      page: the HTML page.
    """

    best: dict[str, Any]
    score: float | None
    trials: list[Tried]
    importance: dict[str, float]
    config: Path | None
    page: Path


def sweep(
    config,
    over: Sequence[str],
    options: StudyOptions,
    *,
    trials: int = 20,
    measure: str = "accuracy/expression",
    prune: bool = True,
) -> Swept:
    """Tries values of some fields, and says which were best. No run is judged by the people who test in it.

    The first of the trials that are drawn is the configuration as it is, where what is tried includes it; the
    others are chosen by Optuna's tree-structured Parzen estimator. They are kept in FOLDER/sweep.db, and go
    on where they were stopped when the same sweep is started again; with more trials it is prolonged.

    Args:
      config: what all trials have in common. Where it holds nobody out of training (`split.validation`), a
        fifth of the training people are held out, and that is told.
      over: texts such as 'optimizer.learning_rate=1e-4..1e-2:log', 'losses.margin_pose=0.1..0.5' and
        'weighting.name=dwa,famo'; see `space.axes`.
      options: where, how many at a time; each trial is a run for each of its seeds and folds. Who tests in
        one of several may choose in another, which is told.
      trials: how many; 0: every combination, of values alone.
      measure: what is sought, one of `MEASURES`, of the validation people after the last epoch.
      prune: stop a trial whose first run is worse at an epoch than the median of those before it.

    Raises:
      UserError: a field or value that cannot be, another sweep in the folder, or Optuna is not installed.

    Example:
      >>> import dmljax
      >>> options = dmljax.StudyOptions("runs/sweep", progress=False)
      >>> over = ["optimizer.learning_rate=1e-3..1e-2:log"]
      >>> config = dmljax.get_config("quick", {"split.validation": 0.2})
      >>> dmljax.sweep(config, over, options, trials=2).page
      PosixPath('runs/sweep/sweep.html')
    """
    configuration.check_kind(config)
    study.check_kind(options)
    extras.require("sweep", "optuna", purpose="sweeps")
    extras.require("report", "matplotlib", "sklearn", purpose="the page of a sweep")
    sought = _measure(measure)
    base = _base(config)
    members.check_numbers(base, options.seeds, options.folds)
    if members.have_other_testers(base, options.seeds, options.folds):
        options.say(
            "several seeds or folds: people who test in one run choose in another, and a test of the best"
            " configuration on them is too good; test it on another set, or sweep one seed and fold"
        )
    axes = space.axes(base, over)
    _check_count(axes, trials)
    folder = run_folder.named(options.folder, "folder")
    study.check_folder(folder)
    _check_own(folder)
    if base.split.validation != config.split.validation:
        options.say(
            f"split.validation: {VALIDATION:.0%} of the training side is held out of the trials, to choose"
            " by, unless the set has a validation side of its own; the best configuration is written without"
            " it"
        )
    with lock.held(folder, options.say):
        study.record(folder, base, [])
        kept = storage.opened(
            folder,
            axes,
            sought,
            options,
            count=trials,
            prune=prune,
            first=space.present_values(axes, base),
        )
        own = kept_tables.own(folder, base)  # trials read one state of a table, whatever becomes of it
        sweeping = _Sweep(config, own, axes, kept, sought, options, folder, _count(axes, trials))
        sweeping.run()
        return sweeping.swept()


def _check_own(folder: Path) -> None:
    """Raises UserError where a new sweep would write between somebody's own files."""
    if (folder / run_folder.STUDY).exists() or not folder.is_dir():
        return
    if any(not path.name.startswith(".") for path in folder.iterdir()):
        raise UserError(f"'{folder}' is not empty and holds no sweep; give a new folder", parameter="folder")


def _measure(name: str) -> Measure:
    if name not in MEASURES:
        raise UserError(
            f"must be one of {', '.join(MEASURES)}; got '{name}'.{nearest(name, MEASURES)}",
            parameter="measure",
        )
    return Measure(name, MEASURES[name])


def _base(config: ConfigDict) -> ConfigDict:
    """The whole configuration, with people to choose by."""
    base = study.whole(config)
    if base.split.validation:
        return base
    return configuration.changed(base, {"split.validation": VALIDATION})


def _check_count(axes: list[space.Axis], count: int) -> None:
    if count < 0 or (count == 0 and not all(axis.choices for axis in axes)):
        raise UserError(
            "must be at least 1, or 0 for every combination where all fields have values and none a range;"
            f" got {count}",
            parameter="trials",
        )


def _count(axes: list[space.Axis], count: int) -> int:
    return count or math.prod(len(axis.choices) for axis in axes)


class _Sweep:
    """The parts of a sweep that runs."""

    def __init__(self, config, base, axes, kept, sought, options, folder, count):
        self.config, self.base, self.axes, self.kept, self.sought = config, base, axes, kept, sought
        self.options, self.folder, self.count = options, folder, count
        self.interrupted = self._of_state("RUNNING")[::-1]

    def _of_state(self, *names: str) -> list:
        return [trial for trial in self.kept.get_trials(deepcopy=False) if trial.state.name in names]

    def run(self) -> None:
        """Runs what is missing."""
        options, over = self.options, self._of_state(*OVER)
        launch: Callable = running.Here
        if options.cluster:
            submit = engines.executor(options.cluster, options.cluster_options or {}, self.folder / "jobs")
            launch = lambda job: running.Submitted(submit(job))
        with bars.bar(
            total=self.count,
            initial=len(over),
            desc="sweeping",
            unit="trial",
            show=options.progress,
            leave=True,
        ) as self.bar:
            run_trials(self.ask, self.tell, self.sought, launch, engines.places(options.jobs))

    def ask(self) -> Trial | None:
        """The next trial: one that was interrupted, a new one, or None."""
        import optuna

        if self.interrupted:
            before = self.interrupted.pop()
            asked, seen = optuna.trial.Trial(self.kept, before._trial_id), len(before.intermediate_values)
        elif len(self._of_state("RUNNING", *OVER)) < self.count:
            drawn = {axis.field: storage.distribution(axis) for axis in self.axes}
            asked, seen = self.kept.ask(drawn), 0
        else:
            return None
        changes = self._values(asked.params)
        named = f"trial_{asked.number}"
        found = [
            members.Member(named, seed, fold, self.folder / named / members.run_name(seed, fold), changes)
            for seed in self.options.seeds
            for fold in self.options.folds
        ]
        for member in found:
            if not member.finished:
                configuration.write(members.resolved(self.base, member), member.config_file)
            elif reason := members.outdated(self.base, member):  # of a sweep whose database is gone
                raise UserError(f"'{member.folder}': {reason}", parameter="folder")
        return Trial(asked, found, seen)

    def tell(self, one: Watched, reason: str) -> None:
        """Keeps what came of a trial."""
        import optuna

        asked = one.trial.asked
        ends = [self.sought.over(member.folder)[-1:] for member in one.trial.members]
        if not reason and not one.pruned and not all(ends):
            reason = (
                f"no {self.sought.name} of validation people was logged: the run is shorter than an epoch, or"
                " the set or network has no such head"
            )
        if reason:
            asked.set_user_attr(WHY, reason)
            self.kept.tell(asked, state=optuna.trial.TrialState.FAIL)
        elif one.pruned:
            self.kept.tell(asked, state=optuna.trial.TrialState.PRUNED)
        else:
            self.kept.tell(asked, float(np.mean([end[0][1] for end in ends])))
        self.bar.update()

    def _values(self, params: dict) -> dict[str, Any]:
        return {axis.field: space.value_of(axis, params[axis.field], self.base) for axis in self.axes}

    def swept(self) -> Swept:
        """What came of it, written as a page and as a configuration."""
        from dmljax.report import sweep as report

        tried = [_tried(trial) for trial in self._of_state(*OVER)]
        complete = self._of_state("COMPLETE")
        best, score, written = {}, None, None
        if complete:
            best, score = self._values(self.kept.best_trial.params), self.kept.best_value
            written = self.folder / BEST
            configuration.write(configuration.changed(self.config, best), written)
        importance = storage.importance(self.kept)
        fields = {axis.field: axis.log for axis in self.axes}
        page = report.write(self.folder, fields, tried, importance, self.sought.name, self.sought.larger)
        return Swept(best, score, tried, importance, written, page)


def _tried(trial) -> Tried:
    state = {"COMPLETE": "complete", "PRUNED": "stopped early", "FAIL": "failed"}[trial.state.name]
    values = {
        field: value if isinstance(value, str) else f"{value:.4g}" for field, value in trial.params.items()
    }
    score = trial.value if state == "complete" else None
    return Tried(trial.number, values, score, state, trial.user_attrs.get(WHY, ""))
