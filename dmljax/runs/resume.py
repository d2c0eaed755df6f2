"""Where a run starts: afresh, from parts of another run's network, or from its own last checkpoint."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import jax
from ml_collections import ConfigDict

from dmljax import config as configuration
from dmljax import config_differences, config_unread, run_folder
from dmljax.models import pretrained
from dmljax.runs import kept_tables, record, remote, sets, together, weights
from dmljax.training.checkpoint import Checkpoints
from dmljax.types import UserError


@dataclasses.dataclass
class Position:
    """Where a run stands; saved with every checkpoint. With the state it is all that is needed to
    continue.
    """

    step: int = 0  # optimizer steps taken
    epoch: int = 0  # epochs completed
    offset: int = 0  # steps taken in the present epoch
    epoch_sum: float = 0.0  # of the fixed combination of the losses, over the present epoch
    best: float | None = None  # the smallest criterion so far
    stale: int = 0  # epochs since it fell
    finished: str = ""  # why the run is over before its duration
    began: str = ""  # the duration that the run began with; rates and phases are parts of it
    log: str = ""  # digest of what was logged
    window: list[dict[str, float]] = dataclasses.field(default_factory=list)  # not yet in a line of the log


def check_same(run: Path, config) -> ConfigDict:
    """Refuses a folder that holds a run of another configuration, or somebody's own files.

    A run that never saved anything, as one whose loss was not finite at once, may be begun anew otherwise.

    Returns:
      the configuration to read the set with: of a run that is continued, with its own copies of tables.
    """
    run_folder.check_free(run)
    if not (run / run_folder.CONFIG).exists() or run_folder.is_empty(run):
        config_unread.check_paths(config)
        return config
    before = configuration.in_full(configuration.read_saved(run))
    different = kept_tables.differences(run, before, configuration.trimmed(config))
    if different:
        raise UserError(
            f"'{run}' holds a run of another configuration: {'; '.join(different)}. Change them back, or give"
            " another folder",
            parameter="run",
        )
    return kept_tables.own(run, config)


def after_a_failure(run: Path, checkpoints: Checkpoints) -> str:
    """What can be done with a run whose loss is not finite any more."""
    step = checkpoints.latest()
    if step is None:
        return "Nothing was saved yet: the same folder may begin anew with other fields"
    return (
        f"The checkpoint of step {step} is from before it; with other fields a run needs another folder, and"
        f" init.run={run} starts it with the weights of that step"
    )


def check_start(checkpoints: Checkpoints, config) -> None:
    """Refuses what a run without a checkpoint of its own cannot start from, before its set is read.

    Raises:
      UserError: the run has lost its `last` and has a `best` still, `init.run` has no checkpoint of the kind
        asked for, or the file of `init.weights` does not fit.
    """
    if checkpoints.latest() is not None:
        return
    if (best := checkpoints.latest("best")) is not None:
        raise UserError(
            f"no checkpoint in '{checkpoints.folder / 'last'}' to continue from; the best one, of step"
            f" {best}, is there. Put the last one back; or give another folder, with init.checkpoint=best and"
            f" init.run={checkpoints.folder.parent} to start from it; or remove '{checkpoints.folder}' to"
            " begin anew",
            parameter="run",
        )
    weights.check(config)
    if not config.init.run:
        return
    kind, other = config.init.checkpoint, _start(config)
    if Checkpoints(other).latest(kind) is None:
        lacks = f"has no checkpoint '{kind}'" if other.is_dir() else "is no folder"
        raise UserError(
            f"'{other}' {lacks}; give the folder of a training to start from", parameter="init.run"
        )


def _check_same_step(step: int, place: str | Path, parameter: str) -> None:
    """Raises UserError where the processes see checkpoints of different steps, or -1 for none."""
    steps = together.everyones(step)
    if len(set(steps)) > 1:
        seen = ", ".join("none" if step < 0 else f"step {step}" for step in steps)
        raise UserError(
            f"the processes see different checkpoints in '{place}' ({seen}, in their order); give them one"
            " folder of a disk that they share, or in a bucket",
            parameter=parameter,
        )


def _start(config) -> Path:
    """The folder of the run that `init.run` names."""
    return remote.fetched(config.init.run, parameter="init.run", progress=False)


def from_another(config, variables, say: Callable[[str], None]):
    """The variables with parts of another run's; `say` is told which."""
    chosen = config.init
    saved = Checkpoints(_start(config)).newest(chosen.checkpoint)
    _check_same_step(saved.step, chosen.run, "init.run")
    variables, modules = pretrained.take(variables, saved.averages, tuple(chosen.parts))
    lines = [pretrained.in_words(module) for module in modules]
    say("\n  ".join([f"starting from '{chosen.run}', step {saved.step}", *lines]))
    if not any(module.taken for module in modules):
        raise UserError(
            f"nothing of '{chosen.run}' fits this network ({'; '.join(lines)}); make the networks alike, or"
            " change init.parts"
        )
    return variables


def from_checkpoint(
    checkpoints: Checkpoints, config, data, say: Callable[[str], None]
) -> tuple[Position, dict | None]:
    """Where to go on: the position and the state's arrays by name, of the last checkpoint that is whole.

    Newer ones that are damaged are set aside. Where nothing was saved yet: the beginning, and None.

    Raises:
      UserError: none of the checkpoints is whole, or the last one is of another configuration or set.
    """
    saved, damaged = checkpoints.whole()
    _check_same_step(-1 if saved is None else saved.step, checkpoints.folder, "run")
    if saved is None:
        _begin_again(checkpoints, say)
        return Position(began=config.train.duration), None
    mark = sets.fingerprint(data.samples)
    before, now = configuration.in_full(saved.position["config"]), configuration.trimmed(config)
    different = config_differences.differences(before, now, config_differences.may_change())
    if saved.position["set"] != mark:
        there = saved.position["set"]
        different.append(f"images and labels of {data.samples.name}: {there} there, {mark} here")
    now = record.marks(data)
    there = saved.position.get(record.MARKS, {})
    different += [f"{name}: of another content there" for name in there if there[name] != now.get(name)]
    if different:
        raise UserError(
            f"the checkpoint in '{checkpoints.folder}' does not fit: {'; '.join(different)}. Change them"
            " back, or give another folder",
            parameter="run",
        )
    together.wait("checkpoints are read")  # all have read before anything is moved
    for one in damaged:
        aside = checkpoints.set_aside(one.step) if jax.process_index() == 0 else checkpoints.folder
        say(f"{one}; it lies in '{aside}' now, and the one before it is taken")
    # an older version did not save it
    began = {"began": saved.position["config"]["train"]["duration"]}
    position = Position(**began | saved.position["position"])
    return position, saved.arrays


def _begin_again(checkpoints: Checkpoints, say: Callable[[str], None]) -> None:
    """Says of a training that is there without a checkpoint that it begins at step 0, and keeps its log."""
    run = checkpoints.folder.parent
    if jax.process_index() != 0 or not (run / run_folder.CONFIG).exists():
        return
    until, kept = "", ""
    if logged := run_folder.log(run):
        until = f", which was trained until step {logged[-1]['step']}"
        kept = f"; the log of then is kept as '{run_folder.set_log_aside(run).name}'"
    say(
        f"'{run}' holds a run{until}, and no checkpoint of it in {checkpoints.folder.name}/:"
        f" it begins at step 0 again{kept}"
    )
