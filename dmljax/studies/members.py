"""The members of a study: runs with a folder, and what each changes in the study's configuration.

A member that is finished is not run again; one that was stopped goes on where it was.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from dmljax import config as configuration
from dmljax import config_differences, plugins
from dmljax.fields import flatten
from dmljax.runs import assemble, decided, kept_tables, sets
from dmljax.studies import space
from dmljax.types import TASKS, UserError, nearest

ALWAYS = ("equal", "rlw")  # without equal, random and single-task weights a gain means nothing
SINGLE = "single"  # the weighting that trains one task alone
COST = "cost.json"  # written last: a member that has it is finished


class Member(NamedTuple):
    """One run of a study.

    Attributes:
      label: its name in tables.
      seed, fold: of the run, in place of the configuration's.
      folder: of the run.
      changes: what it changes in the study's configuration, values by dotted field.
      descriptor: of a support vector machine on it; '' for a network.
    """

    label: str
    seed: int
    fold: int
    folder: Path
    changes: dict[str, Any]
    descriptor: str = ""

    @property
    def single(self) -> str | None:
        """The task that it trains alone, if it trains one alone."""
        alone = self.changes.get("weighting.name") == SINGLE
        return self.changes[f"weighting.{SINGLE}.task"] if alone else None

    @property
    def finished(self) -> bool:
        return (self.folder / COST).exists()

    @property
    def config_file(self) -> Path:
        """Where its resolved configuration is written before it is run: beside its folder."""
        return self.folder.parent / f"{self.folder.name}.json"


class Failure(NamedTuple):
    """A member that failed, or whose run cannot be used, and why."""

    member: Member
    message: str

    @property
    def line(self) -> str:
        return f"{self.member.folder}: {self.message}"


def of_strategies(config, strategies, seeds, folds, folder: Path, heads=None) -> list[Member]:
    """A member for each weighting, seed and fold; balanced when unfinished: seed by seed, fold by fold.

    Args:
      config: tells which heads there are.
      strategies: names of weightings, each alone or in wrappers, see `_changes`; `equal`, `rlw` and a
        single-task run per classification head are added.
      folds: numbers of the test folds.
      folder: of the study.
      heads: those that the labels of the set allow; None: all that are configured.

    Raises:
      UserError: an unknown strategy or wrapper, one that is named twice, or a fold or seed that is no number
        in range.
    """
    if isinstance(strategies, str) or not all(isinstance(name, str) for name in strategies):
        raise TypeError(f"strategies must be a list of names such as ['dwa']; got {strategies!r}")
    strategies = tuple(strategies)
    asked = {name: _changes(config, name) for name in strategies}
    for k, name in enumerate(strategies):
        if name in strategies[:k]:
            raise UserError(f"'{name}' is named twice", parameter="strategies")
    _check_different(config, asked)
    tasks = heads or decided.wanted_heads(config)
    changes = {name: {"weighting.name": name} for name in ALWAYS}
    changes |= {
        f"{SINGLE}_{task}": {"weighting.name": SINGLE, f"weighting.{SINGLE}.task": task} for task in tasks
    }
    changes |= {name: change for name, change in asked.items() if name != SINGLE}
    check_numbers(config, seeds, folds)
    return [
        Member(label, seed, fold, folder / label / run_name(seed, fold), change)
        for seed in seeds
        for fold in folds
        for label, change in changes.items()
    ]


def _changes(config, text: str) -> dict[str, Any]:
    """What a strategy's name means: 'dwa', or 'dwa+shuffle+ema=0.9' with fields of `weighting.wrap`.

    Raises:
      UserError: an unknown strategy or wrapper, a wrapper named twice, or a value that it may not have.
    """
    name, *wrapped = text.split("+")
    changes = {"weighting.name": name}
    try:
        plugins.load("weightings", name)
        if name == SINGLE and wrapped:
            raise UserError("the runs of single tasks are made without wrappers")
        for part in wrapped:
            field, value = _wrapper(config, part)
            if field in changes:
                raise UserError(f"'{part}' names its wrapper a second time")
            changes[field] = value
        changed = configuration.changed(config, changes)
        configuration.check(changed)
        if wrapped:
            assemble.strategy(changed, TASKS)
    except UserError as error:
        raise UserError(f"'{text}': {error}", parameter="strategies") from None
    return changes


def _check_different(config, asked: dict[str, dict[str, Any]]) -> None:
    """Raises UserError where two names mean the same run, such as 'dwa' and 'dwa+ema=0'."""
    wrap = {
        f"weighting.wrap.{field}": value for field, value in flatten(config.weighting.wrap.to_dict()).items()
    }
    seen: dict[str, str] = {}
    for name, changes in asked.items():
        run = str(sorted((wrap | changes).items()))
        if run in seen:
            raise UserError(f"'{seen[run]}' and '{name}' are the same run", parameter="strategies")
        seen[run] = name


def _wrapper(config, part: str) -> tuple[str, Any]:
    """(field of the configuration, value) of 'shuffle' or 'ema=0.9'."""
    known = flatten(config.weighting.wrap.to_dict())
    field, equals, value = (word.strip() for word in part.partition("="))
    if field not in known:
        said = f"'{field}' is no wrapper" if field else "a '+' without a wrapper behind it"
        raise UserError(f"{said}; there are {', '.join(known)}.{nearest(field, known)}")
    if not equals and not isinstance(known[field], bool):
        raise UserError(f"{field} needs a value, {field}=...")
    dotted = f"weighting.wrap.{field}"
    return dotted, space.read(dotted, value, known[field]) if equals else True


def have_other_testers(config, seeds, folds) -> bool:
    """Whether runs have other test people than others: who tests in one may train or choose in another."""
    return len(seeds) * len(folds) > 1 and sets.asked_split(config) not in ("given", "list")


def run_name(seed: int, fold: int) -> str:
    """The name of a member's folder."""
    return f"seed_{seed}_fold_{fold}"


def check_numbers(config, seeds, folds) -> None:
    """Raises UserError unless seeds and folds are different whole numbers in range."""
    for name, values, top in (("seeds", seeds, 2**31), ("folds", folds, config.split.folds)):
        if not values or any(not 0 <= value < top for value in values) or len(set(values)) < len(values):
            raise UserError(
                f"must be different whole numbers from 0 to {top - 1}, got"
                f" {','.join(map(str, values)) or 'none'}",
                parameter=name,
            )


def resolved(base: ConfigDict, member: Member) -> ConfigDict:
    """The configuration of a member's run: the study's with the member's changes, seed and fold.

    Raises:
      UserError: the configuration has no such field, or another type of value.
    """
    return configuration.changed(
        base, member.changes | {"seed": member.seed, "split.fold": member.fold}, f"{member.label}: "
    )


def outdated(base: ConfigDict, member: Member) -> str:
    """Why a finished run is not the one that would be made now, or ''; who cannot be read is not judged."""
    try:
        before = configuration.trimmed(configuration.read(member.folder))
    except (ValueError, LookupError, TypeError, AttributeError):
        return ""
    now = configuration.trimmed(resolved(base, member))
    different = kept_tables.differences(member.folder, before, now, config_differences.MAY_DIFFER)
    if not different:
        return ""
    return (
        f"a finished run of another configuration: {'; '.join(different)}. Change them back, or delete the"
        " folder and it is run again"
    )
