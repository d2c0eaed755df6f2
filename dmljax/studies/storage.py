"""A sweep as Optuna keeps it: what was tried and what came of it, the next values, which fields matter."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np

from dmljax.studies.space import Axis
from dmljax.studies.study import StudyOptions
from dmljax.studies.trials import Measure
from dmljax.types import UserError

DATABASE, NAME = "sweep.db", "sweep"
WHAT = "sweep"  # attribute of the study: what is tried, and how it is judged
STARTUP, WARMUP = 4, 1  # whole trials, and epochs of each, before one is stopped early
LEAST = 4  # complete trials to say from which field matters


def opened(
    folder: Path,
    axes: list[Axis],
    sought: Measure,
    options: StudyOptions,
    *,
    count: int,
    prune: bool,
    first: dict[str, Any] | None,
):
    """Optuna's study in the folder, made or read.

    Args:
      first: values of the first trial, as Optuna has them; None: drawn as all others are.

    Raises:
      UserError: the folder holds another sweep.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    pruner: Any = optuna.pruners.MedianPruner(n_startup_trials=STARTUP, n_warmup_steps=WARMUP)
    made = optuna.create_study(
        storage=f"sqlite:///{(folder / DATABASE).resolve()}",
        study_name=NAME,
        pruner=pruner if prune else optuna.pruners.NopPruner(),
        direction="maximize" if sought.larger else "minimize",
        load_if_exists=True,
    )
    what = {
        "over": [str(axis) for axis in axes],
        "measure": sought.name,
        "seeds": list(options.seeds),
        "folds": list(options.folds),
    }
    there = made.user_attrs.get(WHAT, what)
    if different := [
        f"{key}: {there[key]} there, {what[key]} here" for key in what if there[key] != what[key]
    ]:
        raise UserError(
            f"'{folder}' holds another sweep: {'; '.join(different)}. Change them back, or give another"
            " folder",
            parameter="folder",
        )
    made.set_user_attr(WHAT, what)
    seed = options.seeds[0]
    if drawn := len(made.get_trials(deepcopy=False)):  # the same seed would draw the first trials once more
        seed = int(np.random.SeedSequence([seed, drawn]).generate_state(1)[0])
    made.sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=options.jobs > 1)
    if not count:  # every combination
        for values in itertools.product(*(axis.choices for axis in axes)):
            made.enqueue_trial(dict(zip((axis.field for axis in axes), values)), skip_if_exists=True)
    elif first and not drawn:
        made.enqueue_trial(first)
    return made


def distribution(axis: Axis):
    """The values of an axis as Optuna draws them."""
    from optuna import distributions

    if axis.choices:
        return distributions.CategoricalDistribution(axis.choices)
    if axis.whole:
        return distributions.IntDistribution(int(axis.low), int(axis.high), log=axis.log)
    return distributions.FloatDistribution(axis.low, axis.high, log=axis.log)


def importance(kept) -> dict[str, float]:
    """Share of the scores' variance that each field explains (fANOVA); {} of too few trials."""
    import optuna

    complete = [trial for trial in kept.get_trials(deepcopy=False) if trial.state.name == "COMPLETE"]
    scores = {trial.value for trial in complete}
    if len(complete) < LEAST or len(scores) < 2 or len(complete[0].params) < 2:
        return {}
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    return dict(optuna.importance.get_param_importances(kept, evaluator=evaluator))
