"""Where a run starts: afresh, from parts of another run's network, or from its own last checkpoint."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from dmljax import config as configuration
from dmljax.models import pretrained
from dmljax.runs import sets
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


def check_same(run: Path, config) -> None:
    """Refuses a folder that holds a run of another configuration."""
    if not (run / "config.json").exists():
        return
    different = configuration.differences(configuration.read_saved(run), configuration.trimmed(config))
    if different:
        raise UserError(
            f"'{run}' holds a run of another configuration: {'; '.join(different)}. Change them back, or give"
            " another folder",
            parameter="run",
        )


def from_another(config, variables, say: Callable[[str], None]):
    """The variables with parts of another run's; `say` is told which."""
    chosen = config.init
    before = Checkpoints(Path(chosen.run))
    saved = before.position(chosen.checkpoint)
    variables, modules = pretrained.take(variables, before.averages(chosen.checkpoint), tuple(chosen.parts))
    before.close()
    lines = [_in_words(module) for module in modules]
    say("\n  ".join([f"starting from '{chosen.run}', step {saved['position']['step']}", *lines]))
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


def from_checkpoint(checkpoints: Checkpoints, config, data, state, say: Callable[[str], None]):
    """The position and state to go on from, of the last checkpoint if there is one that fits."""
    if checkpoints.latest() is None:
        return Position(), state
    saved = checkpoints.position()
    mark = sets.fingerprint(data.samples)
    different = configuration.differences(saved["config"], configuration.trimmed(config))
    if saved["set"] != mark:
        different.append(f"images and labels of {data.samples.name}: {saved['set']} there, {mark} here")
    if different:
        raise UserError(
            f"the checkpoint in '{checkpoints.folder}' does not fit: {'; '.join(different)}. Change them"
            " back, or give another folder",
            parameter="run",
        )
    position = Position(**saved["position"])
    say(f"continuing at step {position.step} of '{checkpoints.folder.parent}'")
    return position, checkpoints.restore("last", state)
