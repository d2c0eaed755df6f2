"""Steps of several programs timed in turns, and the profile of one, each program in a process of its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from accelerator import plan
from accelerator.ahead import Ahead
from accelerator.ours import Ours
from accelerator.peer import Peer
from accelerator.process import Failed, Process

STEP = ("mode", "dtype", "batch", "image", "width", "stages")
OWN = (plan.OURS, plan.REMAT)
MOST_STEPS = 100  # in a turn


class Pair:
    """An item of kind 'pair'.

    While other items are measured its processes hold next to nothing of the device's memory: ours and the
    eager peer have imported what they need, the compiled peer has run, and freed what its steps held. So only
    one item's programs are in the memory at a time. The largest, 240 images in bfloat16, take 35 GiB (ours:
    19, and JAX's allocator grows by doubling) and 25 (the eager peer's while it tries its kernels out).
    """

    def __init__(self, settings: dict, places, ahead: Ahead):
        self._settings, self._ahead, self._compiled = settings, ahead, {}
        self._step = {key: settings[key] for key in STEP}
        self._sides: dict[str, Process] = {}
        for side in settings["sides"]:
            make = Ours if side in OWN else partial(Peer, file=places.peer, compiled=side == plan.COMPILED)
            self._sides[side] = Process(make)

    def begin(self, until: float) -> None:
        """Asks for all that can be made beside other items' programs."""
        for side, process in self._sides.items():
            process.ask("load")
            if side in OWN:
                self._ahead.ask(**self._program(side))
            if side == plan.COMPILED:
                process.ask("prepare", **self._step, warmup=self._settings["warmup"])

    def ready(self, add: Callable[..., None], until: float) -> None:
        """Waits for it; a side that fails is told, and is out from then on."""
        for side in list(self._sides):
            self._of(side, add, lambda process: process.answer(until))  # loaded
            if side in OWN:
                found = self._of(
                    side, add, lambda _, side=side: self._ahead.found(until, **self._program(side))
                )
                self._compiled[side] = found
            if side == plan.COMPILED and (
                found := self._of(side, add, lambda process: process.answer(until))
            ):
                add(side=side, **found)
                self._compiled[side] = found

    def measure(self, add: Callable[..., None], until: float) -> None:
        """Times the sides in turns.

        Raises:
          Failed: there is no side left, or time was over.
        """
        step_s = {}
        for side in sorted(self._sides, key=lambda side: side != plan.EAGER):
            if found := self._prepared(side, add, until):
                step_s[side] = found["median_step_s"]
        steps = {
            side: max(3, min(MOST_STEPS, round(self._settings["turn_s"] / 2 / step_s[side])))
            for side in self._settings["sides"]
            if side in step_s
        }
        for turn in range(self._settings["turns"]):
            for side, count in steps.items():
                ask = lambda process, count=count: process.call("turn", until, steps=count)
                if found := self._of(side, add, ask):
                    add(side=side, turn=turn, steps=count, **found)
        if not self._sides or time.monotonic() > until:
            raise Failed("time was over" if self._sides else "no program was timed")

    def close(self) -> None:
        """Ends the processes."""
        for process in self._sides.values():
            process.close()

    def _prepared(self, side: str, add: Callable[..., None], until: float) -> dict | None:
        """What a side is, once it can be timed.

        The eager peer comes first: it tries its kernels out here, with the device's memory for itself.
        """
        if side == plan.COMPILED:
            return self._compiled[side]
        asked = self._step | {"warmup": self._settings["warmup"]}
        if side == plan.REMAT:
            asked |= {"remat": True}
        found = self._of(side, add, lambda process: process.call("prepare", until, **asked))
        if found:
            found |= self._compiled.get(side, {})
            add(side=side, **found)
        return found

    def _program(self, side: str) -> dict:
        return self._step | {"remat": side == plan.REMAT}

    def _of(self, side: str, add: Callable[..., None], call: Callable[[Process], dict]) -> dict | None:
        """What a side answers, None of one that failed."""
        if side not in self._sides:
            return None
        try:
            return call(self._sides[side])
        except Failed as error:
            add(side=side, error=str(error))
            self._sides.pop(side).close()
            return None


class Profile:
    """An item of kind 'profile'."""

    def __init__(self, settings: dict, places, ahead: Ahead):
        self._settings, self._places, self._ahead = settings, places, ahead
        self._step = {key: settings[key] for key in STEP}
        self._process = Process(Ours)

    def begin(self, until: float) -> None:
        self._process.ask("load")
        self._ahead.ask(**self._step, remat=False)

    def ready(self, add: Callable[..., None], until: float) -> None:
        self._process.answer(until)
        self._ahead.found(until, **self._step, remat=False)

    def measure(self, add: Callable[..., None], until: float) -> None:
        self._process.call("prepare", until, **self._step, warmup=3)
        steps, keep = self._settings["steps"], self._places.traces
        add(rows=self._process.call("profile", until, keep=keep, steps=steps))

    def close(self) -> None:
        self._process.close()
