"""Where a run starts: afresh, from parts of another run's network, or from its own last checkpoint."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import jax
from ml_collections import ConfigDict

from dmljax import config as configuration
from dmljax import run_folder
from dmljax.models import pretrained
from dmljax.runs import kept_tables, record, sets, together
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
    if not (run / run_folder.CONFIG).exists():
        configuration.check_used(config)
    if not (run / run_folder.CONFIG).exists() or run_folder.is_empty(run):
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


def from_another(config, variables, say: Callable[[str], None]):
    """The variables with parts of another run's; `say` is told which."""
    chosen = config.init
    saved = Checkpoints(run_folder.named(chosen.run, "init.run")).newest(chosen.checkpoint)
    variables, modules = pretrained.take(variables, saved.averages, tuple(chosen.parts))
    lines = [_in_words(module) for module in modules]
    say("\n  ".join([f"starting from '{chosen.run}', step {saved.step}", *lines]))
    if not any(module.taken for module in modules):
        raise UserError(
            f"nothing of '{chosen.run}' fits this network ({'; '.join(lines)}); make the networks alike, or"
            " change init.parts"
        )
    return variables


def _in_words(module: pretrained.Module) -> str:
    if module.taken:
        return f"taken {module.name}: {module.values:,} values"
    return f"left {module.name}: {module.reason}"


def from_checkpoint(
    checkpoints: Checkpoints, config, data, say: Callable[[str], None]
) -> tuple[Position, dict | None]:
    """Where to go on: the position and the state's arrays by name, of the last checkpoint that is whole.

    Newer ones that are damaged are set aside. Where nothing was saved yet: the beginning, and None.

    Raises:
      UserError: none of the checkpoints is whole, or the last one is of another configuration or set.
    """
    saved, damaged = checkpoints.whole()
    if saved is None:
        return Position(began=config.train.duration), None
    mark = sets.fingerprint(data.samples)
    may_differ = (*configuration.MAY_CHANGE, *configuration.table_fields())  # `check_same` looked at tables
    before = configuration.in_full(saved.position["config"])
    different = configuration.differences(before, configuration.trimmed(config), may_differ)
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
    say(f"continuing at step {position.step} of '{checkpoints.folder.parent}'")
    return position, saved.arrays
