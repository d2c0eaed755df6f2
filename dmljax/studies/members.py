"""The members of a comparison: strategies x seeds x folds, each a plain training command with a run folder of
its own.

Equal weights, random weights and single-task runs are always among them: without them a gain means nothing. A
member that is finished is not run again; one that was stopped goes on where it was.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import NamedTuple

from dmljax import config as configuration
from dmljax import plugins
from dmljax.types import UserError

ALWAYS = ("equal", "rlw")
SINGLE = "single_"
COST = "cost.json"
TRAIN = ("train",)  # the program of a network


class Member(NamedTuple):
    """One run. `label`: its name in tables; `arguments`: of its command, beside the comparison's own;
    `program`: the command.
    """

    label: str
    seed: int
    fold: int
    folder: Path
    arguments: tuple[str, ...]
    program: tuple[str, ...] = TRAIN

    @property
    def finished(self) -> bool:
        return (self.folder / COST).exists()


def plan(config, strategies, seeds, folds, run: Path) -> list[Member]:
    """All members, in an order in which an unfinished comparison is balanced: seed by seed, fold by fold.

    Args:
      config: tells which tasks there are.
      strategies: names of weightings; `equal`, `rlw` and a single-task run per classification head are added.
      folds: numbers of the test folds.

    Raises:
      UserError: an unknown strategy, or a fold or seed that is no number in range.
    """
    for name in strategies:
        plugins.load("weightings", name)
    tasks = ("expression", "pose") if config.model.pose_head else ("expression",)
    labels = dict.fromkeys(
        (*ALWAYS, *(SINGLE + task for task in tasks), *(s for s in strategies if s != "single"))
    )
    check_numbers(config, seeds, folds)
    where = lambda seed, fold: (f"--config.seed={seed}", f"--config.split.fold={fold}")
    return [
        Member(
            label,
            seed,
            fold,
            run / label / f"seed_{seed}_fold_{fold}",
            (*_weighting(label), *where(seed, fold)),
        )
        for seed in seeds
        for fold in folds
        for label in labels
    ]


def check_numbers(config, seeds, folds) -> None:
    """Raises UserError unless seeds and folds are different whole numbers in range."""
    for name, values, top in (("seeds", seeds, 2**31), ("folds", folds, config.split.folds)):
        if not values or any(not 0 <= value < top for value in values) or len(set(values)) < len(values):
            raise UserError(
                f"--{name} must be different whole numbers from 0 to {top - 1}, got"
                f" {','.join(map(str, values))}"
            )


def _weighting(label: str) -> tuple[str, ...]:
    if label.startswith(SINGLE):
        return (
            "--config.weighting.name=single",
            f"--config.weighting.single.task={label.removeprefix(SINGLE)}",
        )
    return (f"--config.weighting.name={label}",)


def own_arguments() -> list[str]:
    """The `--config...` flags of this command line, for the members' commands."""
    return [
        argument
        for argument in sys.argv[1:]
        if argument.startswith(("--config=", "--config.", "-config=", "-config."))
    ]


def record(run: Path, arguments: list[str], members: list[Member]) -> None:
    """Writes what the folder compares, or refuses one that compares something else.

    Raises:
      UserError: the folder holds a comparison of another configuration.
    """
    path = run / "comparison.json"
    stable = [
        a
        for a in map(_by_name, arguments)
        if not a.startswith(tuple(f"--config.{field}" for field in configuration.MAY_CHANGE))
    ]
    if path.exists():
        there = json.loads(path.read_text())["config"]
        if there != stable:
            raise UserError(
                f"'{run}' holds a comparison with {' '.join(there)}, not {' '.join(stable)}; change them"
                " back, or give another --run"
            )
    run.mkdir(parents=True, exist_ok=True)
    path.write_text(
        json.dumps({"config": stable, "members": [str(m.folder.relative_to(run)) for m in members]}, indent=1)
        + "\n"
    )


def _by_name(argument: str) -> str:
    """--config=/where/it/is/installed/configs/quick.py -> --config=quick, so that another installation may go
    on.
    """
    flag, _, value = argument.partition("=")
    name, colon, preset = value.partition(".py")
    path = Path(name)
    return (
        f"{flag}={path.name}{preset}"
        if flag == "--config" and colon and path.parent == configuration.folder()
        else argument
    )
