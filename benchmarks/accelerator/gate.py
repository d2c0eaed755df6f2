"""Where a training waits until others have come as far, and it is its turn."""

from __future__ import annotations

from accelerator.process import SPAWN


class Gate:
    """Two events that processes share: a training has reached the gate, and the gate is open."""

    def __init__(self):
        self.reached, self.opened = SPAWN.Event(), SPAWN.Event()
