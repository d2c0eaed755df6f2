"""Tuning what a study sets beside each other: the same budget of trials for each, on validation people."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from dmljax import config as configuration
from dmljax import plugins, run_folder, writing
from dmljax.fields import flatten
from dmljax.studies import members, space
from dmljax.studies.members import Member
from dmljax.studies.study import StudyOptions, check_folder
from dmljax.studies.sweep import sweep
from dmljax.types import ANGLES, EXPRESSION, UserError

SHUFFLE = "weighting.wrap.shuffle"
TRIALS = 10  # of a sweep, where nobody says how many
TUNED = "tuning.json"  # in a study's folder: how it is tuned
WARNING = (
    "tuned once, with the first seed and fold: who chooses there may test in other runs, whose scores are"
    " then too good; a split from a file (split.kind=list) has the same test people for all"
)


class Tuning(NamedTuple):
    """What is tuned before a study's runs, and how.

    Attributes:
      over: fields and what to try, as of `dmljax.sweep`. Those of a strategy, such as 'weighting.cagrad.c',
        are tuned where that strategy is run, and only there. Descriptors have nothing to tune.
      trials: of each sweep; 0: every combination, of values alone; None: 10.
      once: one sweep for each that is compared, with the first seed and fold, in place of one for every run.
        Cheaper. Where runs have other test people, some of them then chose what they test.
      duration: length of a trial's training, such as '10 epochs'; '': the configuration's.

    Example:
      >>> Tuning(("optimizer.learning_rate=1e-3..1e-2:log", "weighting.cagrad.c=0.2,0.5,0.8"), trials=6).once
      False
    """

    over: Sequence[str] = ()
    trials: int | None = None
    once: bool = False
    duration: str = ""


def prepared(
    config, planned: list[Member], tuning: Tuning, options: StudyOptions, folder: Path, heads
) -> list[Member]:
    """The members as they are to be run: tuned, where something is; the folder is the study's from then on.

    Raises:
      TypeError, UserError: as `check` and `claim`, before anything is trained.
    """
    check(config, planned, tuning)
    check_folder(folder)  # before a sweep is made in it
    claim(folder, tuning)
    return tuned(config, planned, tuning, options, heads) if tuning.over else planned


def check(config, planned: list[Member], tuning: Tuning) -> None:
    """Raises TypeError where it is no tuning, and UserError where a field is what the runs differ in or
    belongs to no strategy among them, or where it is said how to tune and not what.
    """
    if not isinstance(tuning, Tuning):
        raise TypeError(f"tune must be dmljax.Tuning(over, ...); got {type(tuning).__name__}")
    if isinstance(tuning.over, str) or not isinstance(tuning.over, Sequence):
        raise TypeError(
            f"over must be a tuple such as ('optimizer.learning_rate=1e-3,1e-2',); got {tuning.over!r}"
        )
    if not tuning.over:
        if tuning.once or tuning.duration or tuning.trials is not None:
            raise UserError(
                "give the fields that are tuned, FIELD=LOW..HIGH or FIELD=VALUE,VALUE", parameter="over"
            )
        return
    space.axes(config, tuning.over)
    changed = {field for member in planned for field in member.changes}
    named = {member.changes.get("weighting.name") for member in planned}
    for field in fields(tuning):
        if field in changed:
            raise UserError(f"{field} is what the runs differ in, and cannot be tuned", parameter="over")
        if (owner := _strategy(field)) and owner not in named:
            raise UserError(f"{field} is of '{owner}', which is not compared", parameter="over")
    _check_places(planned, tuning)
    if tuning.duration:
        try:
            configuration.check(configuration.changed(config, {"train.duration": tuning.duration}))
        except UserError as error:
            raise UserError(str(error), parameter="duration") from None


def _check_places(planned: list[Member], tuning: Tuning) -> None:
    """Raises UserError where two networks would have one sweep."""
    found: dict[Path, Member] = {}
    for swept in (_tuned_as(member, planned) for member in planned):
        place = _folder(swept, tuning)
        if found.setdefault(place, swept).changes != swept.changes:
            raise UserError(
                f"'{place}' would be the sweep of two networks, {found[place].label} and {swept.label}: an"
                " experiment whose runs are tuned needs a folder for each network"
            )


def fields(tuning: Tuning) -> list[str]:
    """The fields that are tuned, of whatever is compared."""
    return [text.partition("=")[0].strip() for text in tuning.over]


def _strategy(field: str) -> str:
    """The strategy whose constant a field is; '' of other fields."""
    section, *rest = field.split(".")
    is_own = section == "weighting" and len(rest) == 2 and rest[0] in plugins.names("weightings")
    return rest[0] if is_own else ""


def _own(member: Member, tuning: Tuning) -> list[str]:
    """What is tuned for this member."""
    if member.descriptor:
        return []
    owners = ("", member.changes.get("weighting.name"))
    return [text for text, field in zip(tuning.over, fields(tuning)) if _strategy(field) in owners]


def claim(folder: Path, tuning: Tuning) -> None:
    """Writes into a study's folder how it is tuned, or refuses one that was tuned in another way: its
    finished runs have other values.

    Raises:
      UserError: with what differs.
    """
    now = {**tuning._asdict(), "over": list(tuning.over), "trials": _trials(tuning)} if tuning.over else {}
    path = folder / TUNED
    if (folder / run_folder.STUDY).exists():
        before = run_folder.read(path) if path.exists() else {}
        keys = sorted(before.keys() | now.keys())
        told = lambda values, key: repr(values[key]) if key in values else "nothing"
        if different := [
            f"{key}: {told(before, key)} there, {told(now, key)} here"
            for key in keys
            if before.get(key) != now.get(key)
        ]:
            raise UserError(
                f"'{folder}' holds runs that were tuned in another way: {'; '.join(different)}. Change"
                " them back, or give another folder",
                parameter="folder",
            )
    elif now:
        folder.mkdir(parents=True, exist_ok=True)
        writing.as_json(path, now)
    else:  # of a start that was stopped before it had made a run
        path.unlink(missing_ok=True)


def _trials(tuning: Tuning) -> int:
    return TRIALS if tuning.trials is None else tuning.trials


def title(tuning: Tuning) -> str:
    """What stands above `table`."""
    how = " with the first seed and fold" if tuning.once else ""
    many = _trials(tuning)
    count = f"{many} trial{'' if many == 1 else 's'} each" if many else "all combinations"
    return f"What was tuned, on validation people, in sweeps of {count}{how}"


def warnings(config, planned: list[Member], tuning: Tuning, options: StudyOptions) -> list[str]:
    """What has to be known beside the numbers of these members."""
    if not tuning.once:
        return []
    each = {str(member.changes): member.changes for member in planned if _own(member, tuning)}
    apart = (
        members.have_other_testers(configuration.changed(config, changes), options.seeds, options.folds)
        for changes in each.values()
    )
    return [WARNING] if any(apart) else []


def tuned(config, planned: list[Member], tuning: Tuning, options: StudyOptions, heads) -> list[Member]:
    """The members with the values that their sweeps find best; as they are where no trial was complete.

    A strategy whose weights are shuffled takes the values of the one that is not, where that is compared too:
    the weights are to be the same.
    """
    for line in warnings(config, planned, tuning, options):
        options.say(line)
    best: dict[Path, dict] = {}
    made = []
    for member in planned:
        swept = _tuned_as(member, planned)
        if tuning.once:
            swept = swept._replace(seed=options.seeds[0], fold=options.folds[0])
        place = _folder(swept, tuning)
        if place not in best:
            best[place] = _best(config, swept, place, tuning, options, heads)
        made.append(member._replace(changes=member.changes | best[place]))
    return made


def _tuned_as(member: Member, planned: list[Member]) -> Member:
    """The member whose sweep it goes by: its own, or that of the same weights unshuffled."""
    if not member.changes.get(SHUFFLE):
        return member
    plain = {field: value for field, value in member.changes.items() if field != SHUFFLE}
    same = [
        other
        for other in planned
        if (other.changes, other.seed, other.fold) == (plain, member.seed, member.fold)
    ]
    return same[0] if same else member


def _folder(member: Member, tuning: Tuning) -> Path:
    name = "sweep" if tuning.once else f"sweep_{members.run_name(member.seed, member.fold)}"
    return member.folder.parent / name


def _best(config, member: Member, place: Path, tuning: Tuning, options: StudyOptions, heads) -> dict:
    """The best values by field; {} where there is nothing to tune or no trial was complete."""
    if not (over := _own(member, tuning)):
        return {}
    options.say(f"tuning {member.label}, seed {member.seed}, fold {member.fold}")
    task = member.single or (heads or (EXPRESSION,))[0]
    length = {"train.duration": tuning.duration} if tuning.duration else {}
    swept = sweep(
        configuration.changed(config, member.changes | length),
        over,
        options._replace(folder=place, seeds=(member.seed,), folds=(member.fold,)),
        trials=_trials(tuning),
        measure=f"{'error' if task == ANGLES else 'accuracy'}/{task}",
    )
    if not swept.best:
        options.say(f"{place}: no trial is complete; {member.label} is run as it is configured")
    return swept.best


def table(config, planned: list[Member], tuning: Tuning, whose: str = "strategy") -> list[list[str]]:
    """What the sweeps chose, the header first; a strategy's own constants in one column. [] where nothing is
    tuned.
    """
    planned = [member for member in planned if not member.descriptor]
    if not planned or not (names := fields(tuning)):
        return []
    known = flatten(config.to_dict())
    shared = [field for field in names if not _strategy(field)]
    own = [field for field in names if _strategy(field)]

    def cell(member: Member, field: str) -> str:
        value = member.changes.get(field, known[field])
        return f"{value:.4g}" if isinstance(value, float) else str(value)

    def constants(member: Member) -> str:
        mine = [field for field in own if _strategy(field) == member.changes.get("weighting.name")]
        return ", ".join(f"{field.rpartition('.')[2]} {cell(member, field)}" for field in mine) or "-"

    rows = [
        [*_whose(member, tuning), *(cell(member, field) for field in shared)]
        + ([constants(member)] if own else [])
        for member in planned
    ]
    head = [whose, *(() if tuning.once else ("seed", "fold")), *shared, *(["its own"] if own else [])]
    return [head, *map(list, dict.fromkeys(map(tuple, rows)))]


def _whose(member: Member, tuning: Tuning) -> list[str]:
    return [member.label] if tuning.once else [member.label, str(member.seed), str(member.fold)]
