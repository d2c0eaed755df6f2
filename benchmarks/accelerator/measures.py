"""How each kind of item is measured: what is done beside the others of its group, and what alone."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple, Protocol

from accelerator import plan
from accelerator.ahead import Ahead
from accelerator.ceilings import Ceilings
from accelerator.ours import Operations
from accelerator.pairs import Pair, Profile
from accelerator.process import Failed, Process
from accelerator.reproduction import Reproduction
from accelerator.seeds import Seeds
from accelerator.trainings import Run

PATIENCE = 1.5  # times the seconds that compiling is expected to take, and then
GRACE_S = 60


class Places(NamedTuple):
    """Files and folders of this machine that items need: the peer's program, the face model, the traces."""

    peer: str
    data: str
    traces: str


class Work(Protocol):
    """An item that is being measured. Each of these raises Failed where nothing can come of it any more.

    `until` is on the clock of time.monotonic; `add(**line)` is called for everything as it is known.
    """

    def begin(self, until: float) -> None:
        """Begins what can be done beside others."""

    def ready(self, add: Callable[..., None], until: float) -> None:
        """Waits for it."""

    def measure(self, add: Callable[..., None], until: float) -> None:
        """Does what has to be done alone."""

    def close(self) -> None:
        """Ends its processes."""


class Alone:
    """An item that is one call of one process."""

    def __init__(self, make: Callable, settings: dict, places: Places, ahead: Ahead):
        self._settings, self._process = settings, Process(make)

    def begin(self, until: float) -> None:
        """Nothing."""

    def ready(self, add: Callable[..., None], until: float) -> None:
        """Nothing."""

    def measure(self, add: Callable[..., None], until: float) -> None:
        add(**self._process.call("measure", until, **self._settings))

    def close(self) -> None:
        self._process.close()


class OfSeeds(Alone):
    """An item of kind 'seeds'; both of its ways wait compiled, and are small."""

    def __init__(self, settings: dict, places: Places, ahead: Ahead):
        self._compiled = {key: value for key, value in settings.items() if key != "turns"}
        super().__init__(Seeds, {"turns": settings["turns"]}, places, ahead)

    def begin(self, until: float) -> None:
        self._process.ask("prepare", **self._compiled)

    def ready(self, add: Callable[..., None], until: float) -> None:
        self._process.answer(until)


class Study(Alone):
    """An item of kind 'reproduce'."""

    def __init__(self, settings: dict, places: Places, ahead: Ahead):
        self._folder = tempfile.TemporaryDirectory()
        more = {"folder": f"{self._folder.name}/study", "data": places.data}
        super().__init__(Reproduction, settings | more, places, ahead)

    def close(self) -> None:
        super().close()
        self._folder.cleanup()


KINDS: dict[str, Callable[..., Work]] = {
    "facts": partial(Alone, Ceilings),
    "operations": partial(Alone, Operations),
    "pair": Pair,
    "profile": Profile,
    "seeds": OfSeeds,
    "training": Run,
    "reproduce": Study,
}


def measure(group: plan.Group, places: Places, add: Callable[..., None], until: float) -> None:
    """Makes the items of a group ready side by side, then measures one after another, each alone.

    Args:
      add: called with an item and what is known of it, at last `done` with its seconds, or an `error`.
      until: when all has to be over, on the clock of time.monotonic.
    """
    began, ahead = time.monotonic(), max(item.ahead for item in group)
    soon = min(began + GRACE_S + PATIENCE * ahead, max(began, until - group[0].seconds))
    with contextlib.ExitStack() as stack:
        stack.callback((shared := Ahead()).close)
        works = [(item, stack.enter_context(_begun(item, places, shared))) for item in group]
        works = [one for one in works if _worked(add, *one, lambda work, _: work.begin(soon))]
        works = [one for one in works if _worked(add, *one, lambda work, tell: work.ready(tell, soon))]
        compiled_s = time.monotonic() - began
        for item, work in works:
            began = time.monotonic()
            if _worked(add, item, work, lambda work, tell: work.measure(tell, until)):
                beside = {"ahead_s": round(compiled_s, 1)} if item.ahead else {}
                add(item, done=True, seconds=round(time.monotonic() - began, 1), **beside)
            work.close()


def _begun(item: plan.Item, places: Places, shared: Ahead) -> contextlib.closing[Work]:
    return contextlib.closing(KINDS[item.kind](item.settings, places, shared))


def _worked(add: Callable[..., None], item: plan.Item, work: Work, call: Callable[..., None]) -> bool:
    """Whether a part of an item's work was done; else it is told why, and the item's processes are ended."""
    try:
        call(work, partial(add, item))
        return True
    except Failed as error:
        add(item, error=str(error))
        work.close()
        return False
