"""A measuring process beside this one: asked one thing at a time, ended when it takes too long."""

from __future__ import annotations

import contextlib
import multiprocessing
import time
import traceback
from collections.abc import Callable
from typing import Any


class Failed(Exception):
    """What was asked of a process did not come: it raised, died, or took too long."""


class Process:
    """A fresh interpreter that builds `make(**options)` and then calls its methods by name.

    Its device memory is its own, so what it held at most can be told, and goes with it.
    """

    def __init__(self, make: Callable[..., Any], **options):
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(other, make, options))
        self._process.start()
        other.close()

    def call(self, method: str, until: float, **arguments) -> Any:
        """Asks, and waits for the answer."""
        self.ask(method, **arguments)
        return self.answer(until)

    def ask(self, method: str, **arguments) -> None:
        """Begins a call; `answer` waits for it."""
        with contextlib.suppress(OSError):  # it is dead: `answer` says so
            self._pipe.send((method, arguments))

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
        """Ends the process."""
        self._pipe.close()
        self._process.kill()
        self._process.join()


def _serve(pipe, make: Callable[..., Any], options: dict) -> None:
    """Answers calls until the other end is closed."""
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
