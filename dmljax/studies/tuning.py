"""Tuning what a comparison compares: the same budget of trials for each, on validation people."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from dmljax import config as configuration
from dmljax import plugins
from dmljax.fields import flatten
from dmljax.runs import sets
from dmljax.studies import members, space
from dmljax.studies.members import Member
from dmljax.studies.study import StudyOptions
from dmljax.studies.sweep import sweep
from dmljax.types import ANGLES, EXPRESSION, UserError

SPLITS_OF_NO_SEED = ("given", "list")  # splits that are the same whatever the seed


class Tuning(NamedTuple):
    """What is tuned before a comparison, and how.

    Attributes:
      over: fields and what to try, as of `dmljax.sweep`. Those of a strategy, such as 'weighting.cagrad.c',
        are tuned where that strategy is run, and only there.
      trials: of each sweep; the first is the configuration as it is, where what is tried includes it.
      once: one sweep for each that is compared, with the first seed and fold, in place of one for every run.
        Cheaper; nobody then tests who was tuned on only where the split is the same for all seeds.
      duration: length of a trial's training, such as '10 epochs'; '': the configuration's.

    Example:
      >>> Tuning(("optimizer.learning_rate=1e-3..1e-2:log", "weighting.cagrad.c=0.2,0.5,0.8"), trials=6).once
      False
    """

    over: Sequence[str] = ()
    trials: int = 10
    once: bool = False
    duration: str = ""


def check(config, planned: list[Member], tuning: Tuning) -> None:
    """Raises UserError where a field is what the runs differ in, or belongs to no strategy among them."""
    changed = {field for member in planned for field in member.changes}
    named = {member.changes.get("weighting.name") for member in planned}
    for field in fields(tuning):
        if field in changed:
            raise UserError(f"{field} is what the runs differ in, and cannot be tuned", parameter="over")
        if (owner := _strategy(field)) and owner not in named:
            raise UserError(f"{field} is of '{owner}', which is not compared", parameter="over")
    if tuning.over:
        space.axes(config, tuning.over)
    if tuning.duration:
        try:
            configuration.check(configuration.changed(config, {"train.duration": tuning.duration}))
        except UserError as error:
            raise UserError(str(error), parameter="duration") from None


def fields(tuning: Tuning) -> list[str]:
    """The fields that are tuned, of whatever is compared."""
    return [text.partition("=")[0].strip() for text in tuning.over]


def _strategy(field: str) -> str:
    """The strategy whose constant a field is; '' of other fields."""
    section, *rest = field.split(".")
    return (
        rest[0]
        if section == "weighting" and len(rest) == 2 and rest[0] in plugins.names("weightings")
        else ""
    )


def tuned(config, planned: list[Member], tuning: Tuning, options: StudyOptions, heads) -> list[Member]:
    """The members with the values that their sweeps find best; as they are where no trial was complete."""
    if tuning.once and len(options.seeds) > 1 and sets.asked_split(config) not in SPLITS_OF_NO_SEED:
        options.say(
            "tuned once, with the first seed: who chooses there may test in runs of other seeds, whose scores"
            " are then too good; a split from a file (split.file) has the same test people for all"
        )
    best: dict[Path, dict] = {}
    found = []
    for member in planned:
        one = member._replace(seed=options.seeds[0], fold=options.folds[0]) if tuning.once else member
        place = _folder(one, tuning)
        if place not in best:
            best[place] = _best(config, one, place, tuning, options, heads)
        found.append(member._replace(changes=member.changes | best[place]))
    return found


def _folder(member: Member, tuning: Tuning) -> Path:
    name = "sweep" if tuning.once else f"sweep_{members.run_name(member.seed, member.fold)}"
    return member.folder.parent / name


def _best(config, member: Member, place: Path, tuning: Tuning, options: StudyOptions, heads) -> dict:
    """The best values by field; {} where there is nothing to tune or no trial was complete."""
    own = ("", member.changes.get("weighting.name"))
    over = [text for text, field in zip(tuning.over, fields(tuning)) if _strategy(field) in own]
    if not over:
        return {}
    options.say(f"tuning {member.label}, seed {member.seed}, fold {member.fold}")
    task = member.single or (heads or (EXPRESSION,))[0]
    length = {"train.duration": tuning.duration} if tuning.duration else {}
    swept = sweep(
        configuration.changed(config, member.changes | length),
        over,
        options._replace(folder=place, seeds=(member.seed,), folds=(member.fold,)),
        trials=tuning.trials,
        measure=f"{'error' if task == ANGLES else 'accuracy'}/{task}",
    )
    if not swept.best:
        options.say(f"{place}: no trial is complete; {member.label} is run as it is configured")
    return swept.best


def table(config, planned: list[Member], tuning: Tuning) -> list[list[str]]:
    """What the sweeps chose, the header first, a line each; [] where nothing was tuned."""
    if not (names := fields(tuning)):
        return []
    known = flatten(config.to_dict())

    def cell(member: Member, field: str) -> str:
        if _strategy(field) not in ("", member.changes.get("weighting.name")):
            return "-"
        return _in_words(member.changes.get(field, known[field]))

    rows = [[*_whose(member, tuning), *(cell(member, field) for field in names)] for member in planned]
    head = ["strategy", *(() if tuning.once else ("seed", "fold")), *names]
    return [head, *map(list, dict.fromkeys(map(tuple, rows)))]


def _whose(member: Member, tuning: Tuning) -> list[str]:
    return [member.label] if tuning.once else [member.label, str(member.seed), str(member.fold)]


def _in_words(value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
