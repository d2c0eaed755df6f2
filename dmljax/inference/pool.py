"""Results of many items from processes beside this one, in the items' order, a few ahead of their reader.

Workers are fresh interpreters that get their task over a pipe, as in `dmljax.workers`. One that is ended by
its item, as a decoder that crashes may do, costs that item alone.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from dmljax import plugins
from dmljax.types import UserError
from dmljax.workers import cores

AHEAD = 3  # items that a worker may have before it: its result in the making, and what it takes up next


class Lost(NamedTuple):
    """In place of a result: the worker ended over this item.

    Attributes:
      reason: how.
    """

    reason: str


class _Worker:
    """One process, and the items that it has."""

    def __init__(self, start: Callable[[], Callable]):
        self.items: deque = deque()
        self._start = start
        self._process = subprocess.Popen(
            [sys.executable, "-m", "dmljax.inference.pool"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )
        assert self._process.stdin is not None and self._process.stdout is not None  # pipes
        self._to, self._from = self._process.stdin, self._process.stdout
        self._send((sys.path, plugins.state()))
        self._send(start)

    def _send(self, content: Any) -> None:
        with contextlib.suppress(BrokenPipeError):  # reading its result tells how it ended
            pickle.dump(content, self._to)
            self._to.flush()

    def give(self, item: Any) -> None:
        self.items.append(item)
        self._send(item)

    def take(self) -> tuple[Any, _Worker]:
        """The result of its first item, and who has the others now."""
        try:
            kind, content = pickle.load(self._from)
        except (EOFError, pickle.UnpicklingError):
            code = self._process.wait()
            if code >= 0:
                raise UserError(f"a process that reads images ended with exit code {code}") from None
            self.end()
            other = _Worker(self._start)
            self.items.popleft()
            for item in self.items:
                other.give(item)
            return Lost(f"it ended the process that read it by {signal.Signals(-code).name}"), other
        self.items.popleft()
        if kind == "error":
            raise content
        return content, self

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._to, self._from):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


def results(start: Callable[[], Callable[[Any], Any]], items: Iterable, jobs: int) -> Iterator[Any]:
    """`start()(item)` for every item, in order; items are taken from their iterator as they are needed.

    Args:
      start: makes what is called for the items, once in every process; can be pickled, as can the items.
      jobs: processes; 0: one for each core; 1: this one.

    Yields:
      Results, or `Lost` of an item that ended its process.

    Raises:
      UserError: what `start` or a call raised in a worker.
    """
    jobs = jobs or cores()
    if jobs == 1:
        do = start()
        yield from map(do, items)
        return
    workers: list[_Worker] = []
    order: deque[int] = deque()
    try:
        for k, item in enumerate(items):
            if len(workers) < jobs:
                workers.append(_Worker(start))
            while len(order) >= AHEAD * jobs:
                yield _next(workers, order)
            workers[k % jobs].give(item)
            order.append(k % jobs)
        while order:
            yield _next(workers, order)
    finally:
        for worker in workers:
            worker.end()


def _next(workers: list[_Worker], order: deque[int]) -> Any:
    k = order.popleft()
    result, workers[k] = workers[k].take()
    return result


def _work() -> None:
    """A worker: reads items from stdin, and writes what is made of each to stdout."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who started it, and who ends it then
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no result
    sys.path[:], known = pickle.load(sys.stdin.buffer)
    plugins.restore(known)  # what comes next may refer to a plug-in's own functions
    waiting: queue.Queue = queue.Queue()

    def listen() -> None:
        """So that who gives an item never waits for who takes a result."""
        with contextlib.suppress(EOFError):
            while True:
                waiting.put(pickle.load(sys.stdin.buffer))
        waiting.put(None)

    start = pickle.load(sys.stdin.buffer)
    threading.Thread(target=listen, daemon=True).start()
    do = None
    while (item := waiting.get()) is not None:
        try:
            do = do or start()
            answer = "result", do(item)
        except UserError as error:
            answer = "error", UserError(error.message, parameter=error.parameter)
        except Exception as error:
            answer = "error", UserError(f"{type(error).__name__}: {error}")
        with contextlib.suppress(BrokenPipeError):  # nobody is there any more, and no item will come
            pickle.dump(answer, out)
            out.flush()


if __name__ == "__main__":
    _work()
