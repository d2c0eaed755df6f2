"""Signals that end a training: they become a wish to stop, which all processes follow at the same step."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from dmljax import signals
from dmljax.runs import together


class Stop:
    """Turns a signal into a wish to stop, and all processes' wishes into one decision at the same step."""

    def __init__(self):
        self._wish = 0
        self.signal = 0  # the decision: 0, or the signal's number

    def decide(self, *, logged: bool) -> bool:
        """Whether to stop after the present step. Processes ask each other at logged steps only."""
        if together.alone():
            self.signal = self._wish
        elif logged:
            self.signal = together.largest(self._wish)
        return bool(self.signal)

    @contextlib.contextmanager
    def listening(self) -> Iterator[Stop]:
        """Until the end of the block the signals are wishes."""

        def note(number, frame):
            del frame
            self._wish = number

        with signals.handled(note):
            yield self
