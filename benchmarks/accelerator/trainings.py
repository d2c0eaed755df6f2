"""Trainings from several feeds: compiled side by side, then each alone; for its turn it waits at a gate."""

from __future__ import annotations

import functools
import tempfile
import time
from collections.abc import Callable

from accelerator.ahead import Ahead
from accelerator.gate import Gate
from accelerator.process import SPAWN, Failed, Process
from accelerator.training import Training

POLL_S = 0.1


@functools.cache
def _pictures():
    """The lock of whoever makes the pictures that all have; made where trainings are begun."""
    return SPAWN.Lock()


class Run:
    """An item of kind 'training'.

    A training that waits keeps what it has: at 120 images in bfloat16 some 19 GiB, so three of them fit.
    """

    def __init__(self, settings: dict, places, ahead: Ahead):
        self._settings, self._data = dict(settings), places.data
        self._evaluate = self._settings.pop("evaluate", True)
        self._folder, self._gate = tempfile.TemporaryDirectory(), Gate()
        self._process = Process(Training, gate=self._gate, pictures=_pictures())

    def begin(self, until: float) -> None:
        """Opens the set and begins to train."""
        self._process.ask("open", folder=self._folder.name, data=self._data, **self._settings)
        self._process.ask("train", evaluate=self._evaluate)

    def ready(self, add: Callable[..., None], until: float) -> None:
        """Waits until it is at the gate, or has failed before."""
        self._process.answer(until)  # opened
        while not self._gate.reached.is_set() and not self._process.answered():
            if time.monotonic() > until:
                raise Failed("took too long and was ended")
            time.sleep(POLL_S)

    def measure(self, add: Callable[..., None], until: float) -> None:
        self._gate.opened.set()
        add(**self._process.answer(until))

    def close(self) -> None:
        self._process.close()
        self._folder.cleanup()
