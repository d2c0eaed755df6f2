"""Silence while a library works that reports more than anybody asked for."""

from __future__ import annotations

import contextlib
import gc
import logging
import sys
import threading
import time
import traceback
from collections.abc import Iterator

SETTLE_S = 1.0  # after a failure: silence for so long means that nothing is under way any more
LATE_S = 60.0  # after it, for tasks that a busy machine leaves waiting all the same


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence while orbax works. It reports every save at length, and after a failure what is still under way
    prints its own tracebacks, on a busy machine seconds later: these are not heard for `LATE_S` more. What
    matters is raised and told once.
    """
    heard, over = [time.monotonic()], threading.Event()

    def note(record: logging.LogRecord) -> bool:
        heard.append(time.monotonic())
        return record.levelno >= logging.CRITICAL

    def muted(hook):
        return lambda said: hook(said) if over.is_set() else heard.append(time.monotonic())

    loggers = [logging.getLogger(name) for name in ("absl", "asyncio", "concurrent.futures")]
    hooks = threading.excepthook, sys.unraisablehook
    ours = muted(hooks[0]), muted(hooks[1])
    for logger in loggers:
        logger.addFilter(note)
    threading.excepthook, sys.unraisablehook = ours

    def end() -> None:
        over.set()
        if threading.excepthook is ours[0]:
            threading.excepthook = hooks[0]
        if sys.unraisablehook is ours[1]:
            sys.unraisablehook = hooks[1]
        for logger in loggers:
            logger.removeFilter(note)

    late = 0.0
    try:
        yield
    except Exception as error:
        late = LATE_S
        _let_go(error)
        while time.monotonic() < heard[-1] + SETTLE_S:
            gc.collect()  # tasks that failed speak when they are collected
            time.sleep(0.05)
        raise
    finally:
        if late:
            timer = threading.Timer(late, end)
            timer.daemon = True  # at the end of the program nothing waits for it
            timer.start()
        else:
            end()


def _let_go(error: BaseException | None) -> None:
    """Frees what an error's frames hold, among it the failed tasks; they would else speak at the very end."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
