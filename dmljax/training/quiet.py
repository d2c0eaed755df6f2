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


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence while orbax works. It reports every save at length, and after a failure what is still under way
    prints its own tracebacks. What matters of either is raised and told once.
    """
    heard = [time.monotonic()]

    def note(said) -> bool:
        heard.append(time.monotonic())
        return isinstance(said, logging.LogRecord) and said.levelno >= logging.CRITICAL

    loggers = [logging.getLogger(name) for name in ("absl", "asyncio", "concurrent.futures")]
    hooks = threading.excepthook, sys.unraisablehook
    for logger in loggers:
        logger.addFilter(note)
    threading.excepthook = sys.unraisablehook = note
    try:
        yield
    except Exception as error:
        _let_go(error)
        while time.monotonic() < heard[-1] + SETTLE_S:
            gc.collect()  # tasks that failed speak when they are collected
            time.sleep(0.05)
        raise
    finally:
        threading.excepthook, sys.unraisablehook = hooks
        for logger in loggers:
            logger.removeFilter(note)


def _let_go(error: BaseException | None) -> None:
    """Frees what an error's frames hold, among it the failed tasks; they would else speak at the very end."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
