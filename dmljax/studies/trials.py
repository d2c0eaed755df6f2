"""The trials of a sweep as they run: started, watched by their validation people, stopped early, told."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from dmljax import run_folder, signals
from dmljax.studies.engines import Job
from dmljax.studies.members import Member
from dmljax.studies.running import Running
from dmljax.types import UserError

POLL_S = 0.5


class Measure(NamedTuple):
    """What a sweep seeks: a number of the validation people's lines in the log.

    Attributes:
      name: 'accuracy/expression'.
      larger: whether more is better.
    """

    name: str
    larger: bool

    def over(self, run) -> list[tuple[int, float]]:
        """(epoch, value) of every validation of a run so far."""
        key = f"validation/{self.name}"
        try:
            return [(line["epoch"], line[key]) for line in run_folder.log(run) if key in line]
        except UserError:  # a line that is just being written
            return []


class Trial(NamedTuple):
    """One set of values, of Optuna's `study`, and its runs: one a seed and fold.

    Attributes:
      asked: Optuna's trial.
      members: its runs.
      seen: how many validations of its first run Optuna knows already.
    """

    asked: Any
    members: list[Member]
    seen: int = 0


class Watched:
    """A trial whose runs are made one after another."""

    def __init__(self, trial: Trial, launch: Callable[[Job], Running], cores: tuple[int, ...]):
        self.trial, self.cores, self.pruned = trial, cores, False
        self._launch, self._running, self._seen = launch, None, trial.seen
        self._left = [member for member in trial.members if not member.finished]

    def over(self, measure: Measure) -> tuple[bool, str]:
        """(whether it has ended, why it failed); starts its next run, and stops it where others are ahead."""
        if self._running is None:
            if not self._left:
                return True, ""
            self._running = self._launch(Job(self._left[0], self.cores, tests=False))
        if not self._running.over():
            self._watch(measure)
            return False, ""
        reason = self._running.reason()
        if self.pruned:  # also where it came to its end before it was stopped
            return True, ""
        self._left, self._running = self._left[1:], None
        return bool(reason) or not self._left, reason

    def _watch(self, measure: Measure) -> None:
        """Tells Optuna how the trial's first run gets on; of later ones nothing could be compared."""
        member = self.trial.members[0]
        if self._left[0] is not member:
            return
        if not self.pruned:
            for epoch, value in measure.over(member.folder)[self._seen :]:
                self._seen += 1
                self.trial.asked.report(value, epoch)
            self.pruned = self._seen > 0 and self.trial.asked.should_prune()
        if self.pruned:
            self.stop()

    def stop(self) -> None:
        """Asks its run to save and end."""
        if self._running is not None:
            self._running.stop()

    def ended(self) -> bool:
        """Whether none of its runs goes on."""
        return self._running is None or self._running.over()


def run(
    ask: Callable[[], Trial | None],
    tell: Callable[[Watched, str], None],
    measure: Measure,
    launch: Callable[[Job], Running],
    places: list[tuple[int, ...]],
) -> None:
    """Runs what is asked for, as many at a time as there are places, and tells what came of each.

    Signals that end the process are passed on, so that the runs save and go on when the sweep is started
    again.
    """
    free, watched, stopped = list(places), [], 0

    def stop(number, frame):
        nonlocal stopped
        del frame
        stopped = number

    with signals.handled(stop):
        more = True
        try:
            while (more or watched) and not stopped:
                while free and more:
                    trial = ask()
                    more = trial is not None
                    if trial is not None:
                        watched.append(Watched(trial, launch, free.pop()))
                for one in list(watched):
                    over, reason = one.over(measure)
                    if over:
                        watched.remove(one)
                        free.append(one.cores)
                        tell(one, reason)
                time.sleep(POLL_S if watched else 0)
        finally:  # none goes on without the sweep, whatever ended it
            _end(watched)
        if stopped:
            raise KeyboardInterrupt(stopped)


def _end(watched: list[Watched]) -> None:
    """Waits until all runs have saved and ended."""
    while any(not one.ended() for one in watched):
        for one in watched:
            one.stop()
        time.sleep(POLL_S)
