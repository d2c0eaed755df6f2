"""A measuring process beside this one: asked one thing at a time, ended when it takes too long."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

SPAWN = multiprocessing.get_context("spawn")


class Failed(Exception):
    """What was asked of a process did not come: it raised, died, or took too long."""


class Process:
    """A fresh interpreter that builds `make(**options)` and then calls its methods by name.

    Its device memory is its own, so what it held at most can be told, and goes with it. What it starts itself
    ends with it.
    """

    def __init__(self, make: Callable[..., Any], **options):
        self._pipe, other = SPAWN.Pipe()
        self._process = SPAWN.Process(target=_serve, args=(other, make, options))
        self._process.start()
        other.close()

    def call(self, method: str, until: float, **arguments) -> Any:
        """Asks, and waits for the answer."""
        self.ask(method, **arguments)
        return self.answer(until)

    def ask(self, method: str, **arguments) -> None:
        """Begins a call, after those that were asked before; `answer` waits for one after another."""
        with contextlib.suppress(OSError):  # it is dead: `answer` says so
            self._pipe.send((method, arguments))

    def answered(self) -> bool:
        """Whether `answer` would not have to wait."""
        return self._pipe.poll(0)

    def answer(self, until: float) -> Any:
        """What the call returned; `until` is on the clock of time.monotonic.

        Raises:
          Failed: with the last line of what went wrong.
        """
        try:
            if not self._pipe.poll(max(0.0, until - time.monotonic())):
                raise Failed("took too long and was ended")
            worked, found = self._pipe.recv()
        except (EOFError, OSError):
            self._process.join(5)
            raise Failed(f"the process died (exit code {self._process.exitcode})") from None
        if not worked:
            raise Failed(found)
        return found

    def close(self) -> None:
        """Ends the process and all that it started; once, since its number may be another's afterwards."""
        if self._pipe.closed:
            return
        self._pipe.close()
        with contextlib.suppress(ProcessLookupError):  # it has not come so far as to have a group
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.join()


def _serve(pipe, make: Callable[..., Any], options: dict) -> None:
    """Answers calls until the other end is closed."""
    os.setsid()  # a group of its own, which is ended as one
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    server = None
    while True:
        try:
            method, arguments = pipe.recv()
        except EOFError:
            return
        try:
            server = make(**options) if server is None else server
            pipe.send((True, getattr(server, method)(**arguments)))
        except Exception as error:
            traceback.print_exc()
            pipe.send((False, f"{type(error).__name__}: {' '.join(str(error).split())[:500]}"))


def _end_with_the_parent() -> None:
    """What still compiled would disturb the suite that goes on after one that was killed."""
    multiprocessing.parent_process().join()
    os.killpg(0, signal.SIGKILL)
