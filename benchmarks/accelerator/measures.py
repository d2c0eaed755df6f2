"""How each kind of item is measured: what processes are asked, and which lines come of it."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from accelerator import plan
from accelerator.ceilings import Ceilings
from accelerator.ours import Operations, Ours
from accelerator.peer import Peer
from accelerator.process import Failed, Process
from accelerator.seeds import Seeds
from accelerator.training import Training

STEP = ("mode", "dtype", "batch", "image", "width", "stages")
MOST_STEPS = 100  # in a turn
READY = 0.6  # share of an item's time after which a program that still compiles is left out


class Places(NamedTuple):
    """Files and folders of this machine that items need: the peer's program, the face model, the traces."""

    peer: str
    data: str
    traces: str


def measure(item: plan.Item, places: Places, add: Callable[..., None], until: float) -> None:
    """Measures one item and calls `add(**line)` for everything as it is known.

    Raises:
      Failed: nothing of it could be measured by `until`, on the clock of time.monotonic.
    """
    KINDS[item.kind](item.settings, places, add, until)


def _facts(settings, places, add, until) -> None:
    with contextlib.closing(Process(Ceilings)) as process:
        add(**process.call("measure", until, **settings))


def _operations(settings, places, add, until) -> None:
    with contextlib.closing(Process(Operations)) as process:
        add(**process.call("measure", until, **settings))


def _pair(settings, places, add, until) -> None:
    """Every side is made ready, then they are timed in turns; one that fails leaves the others."""
    make = {
        plan.OURS: partial(Process, Ours),
        plan.REMAT: partial(Process, Ours, remat=True),
        plan.EAGER: partial(Process, Peer, file=places.peer, compiled=False),
        plan.COMPILED: partial(Process, Peer, file=places.peer, compiled=True),
    }
    sides = {side: make[side]() for side in settings["sides"]}

    def of(side: str, call: Callable[[Process], dict]) -> dict | None:
        """What a side answers; one that fails is told, and is out from then on."""
        if side not in sides:
            return None
        try:
            return call(sides[side])
        except Failed as error:
            add(side=side, error=str(error))
            sides.pop(side).close()
            return None

    try:
        # compiled side by side, which is the processor's work; the eager peer tries its kernels on the device
        # before its first step, and others would disturb that
        step = {key: settings[key] for key in STEP} | {"warmup": settings["warmup"]}
        soon = time.monotonic() + READY * (until - time.monotonic())
        compiling = [side for side in sides if side != plan.EAGER]
        for side in compiling:
            sides[side].ask("prepare", **step)
        for side in compiling:
            if found := of(side, lambda process: process.answer(soon)):
                add(side=side, **found)
        if found := of(plan.EAGER, lambda process: process.call("prepare", until, **step)):
            add(side=plan.EAGER, **found)
        steps = {}
        for side in settings["sides"]:
            if found := of(side, lambda process: process.call("turn", until, steps=3)):
                wanted = round(settings["turn_s"] / 2 / found["median_step_s"])
                steps[side] = max(3, min(MOST_STEPS, wanted))
        for turn in range(settings["turns"]):
            for side, count in steps.items():
                if found := of(side, lambda process, n=count: process.call("turn", until, steps=n)):
                    add(side=side, turn=turn, steps=count, **found)
    finally:
        for process in sides.values():
            process.close()
    if not sides or time.monotonic() > until:
        raise Failed("time was over" if sides else "no program was timed")


def _profile(settings, places, add, until) -> None:
    with contextlib.closing(Process(Ours)) as process:
        process.call("prepare", until, warmup=3, **{key: settings[key] for key in STEP})
        add(rows=process.call("profile", until, keep=places.traces, steps=settings["steps"]))


def _seeds(settings, places, add, until) -> None:
    with contextlib.closing(Process(Seeds)) as process:
        add(**process.call("measure", until, **settings))


def _training(settings, places, add, until) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.closing(Process(Training)) as process,
    ):
        add(**process.call("measure", until, folder=folder, data=places.data, **settings))


KINDS = {
    "facts": _facts,
    "operations": _operations,
    "pair": _pair,
    "profile": _profile,
    "seeds": _seeds,
    "training": _training,
}
