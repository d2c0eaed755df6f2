"""All durations of a run in optimizer steps, and what they leave no time for."""

from __future__ import annotations

from typing import NamedTuple

from dmljax import durations
from dmljax.training.objective import Options as LossOptions
from dmljax.types import ANGLES, POSE, UserError

# Durations of which more than the run has no sense.
WITHIN = ("phases.first", "phases.triplet_after", "optimizer.warmup", "finetune.until")
FROZEN = frozenset((POSE, ANGLES))  # the pose branch, which the first phase leaves out


def check(config) -> None:
    """Raises UserError for a share of more than the whole run."""
    for field in WITHIN:
        section, key = field.split(".")
        parsed = durations.parse(config[section][key], durations.RELATIVE)
        if parsed is not None and parsed[1] == "%" and parsed[0] > 100:
            raise UserError(
                f"must be from 0% to 100% of the run; got '{config[section][key]}'", parameter=field
            )


class Schedule(NamedTuple):
    """A run's durations in optimizer steps; `rated`: the one that the run began with, over which rates go."""

    epoch: int
    whole: int
    rated: int
    log: int
    save: int
    conflicts: int
    first: int
    turn: int
    mining: int
    stair: int
    warmup: int
    thaw: int


def schedule(config, epoch: int, *, began: str = "") -> Schedule:
    """All durations of the configuration.

    Args:
      epoch: steps in an epoch.
      began: the duration that the run began with, where it is another now; what decides on results, rates and
        phases, is a part of it, so that a longer run goes on as the shorter one did.

    Raises:
      UserError: a field is no duration.
    """
    whole = durations.steps(config.train.duration, field="train.duration", epoch=epoch)
    if whole < 1:
        raise UserError(f"train.duration is shorter than one step: '{config.train.duration}'")
    first = durations.steps(began, field="train.duration", epoch=epoch) if began else whole

    def part(section: str, field: str, least: int = 0) -> int:
        of = whole if section == "train" else first
        found = durations.steps(config[section][field], field=f"{section}.{field}", epoch=epoch, whole=of)
        return max(least, found)

    return Schedule(
        epoch,
        whole,
        first,
        log=part("train", "log_every", 1),
        save=part("train", "save_every", 1),
        conflicts=part("train", "conflicts_every"),
        first=part("phases", "first"),
        turn=part("phases", "turn", 1),
        mining=part("phases", "triplet_after"),
        stair=part("optimizer", "decay_every", 1),
        warmup=part("optimizer", "warmup"),
        thaw=part("finetune", "until"),
    )


def too_long(config, times: Schedule, losses: LossOptions) -> list[str]:
    """What is never trained, or never at its full rate, because a run is shorter than what comes before it;
    a line each.
    """
    never = (
        "the pose branch is never trained",
        "the triplets are never trained",
        "the rate never gets to its top",
        "frozen stages are never trained",
    )
    has = (
        not FROZEN.isdisjoint(losses.tasks),
        "triplet" in losses.tasks,
        True,
        bool(config.finetune.frozen),
    )
    steps = (starts(losses, times)[POSE], times.mining, times.warmup, times.thaw)
    lines = []
    for field, said, is_there, before in zip(WITHIN, never, has, steps):
        if is_there and before >= times.whole:
            section, key = field.split(".")
            value = config[section][key]
            lines.append(f"{field}={value} is not shorter than the run of {times.whole} steps: {said}")
    return lines


def starts(losses: LossOptions, times: Schedule) -> dict[str, int]:
    """The first step of what is not trained from the beginning. Pose and angles that are all there is are
    trained at once.
    """
    first = 0 if FROZEN.issuperset(losses.tasks) else times.first
    return dict.fromkeys(FROZEN, first) | {"triplet": times.mining}
