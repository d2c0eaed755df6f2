"""Where a run's numbers go beside its own log: a file a service, PLUG-INS of the family `trackers`.

A file has `build(*, ...)`, whose parameters are fields of the configuration. It refuses options that are
wrong and a package that is not installed, before anything is trained, and returns a `Start`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol


class Tracker(NamedTuple):
    """One run as a service sees it.

    Attributes:
      scalars: (step, numbers by name) of one line of the log; steps never fall while a process runs.
      flush: what was given is safe afterwards, as far as the service allows; called before each checkpoint.
      close: the training of this process is over, whether it is finished or not.
    """

    scalars: Callable[[int, Mapping[str, float]], None]
    flush: Callable[[], None]
    close: Callable[[], None]


class Start(Protocol):
    """What `build` returns."""

    def __call__(self, run: Path, *, key: str, step: int, config: Mapping[str, object]) -> Tracker:
        """Begins a run, or goes on with one.

        Args:
          run: its folder.
          key: letters and digits that no other run has, the same whenever this one is continued.
          step: optimizer steps taken before. What a killed process logged after it comes once more.
          config: the fields of the configuration, 'a.b' -> text, number, truth value or tuple.
        """
