"""Silence while a library works that reports more than anybody asked for."""

from __future__ import annotations

import contextlib
import gc
import logging
import sys
import threading
import time
from collections.abc import Iterator

SETTLE_S = 1.0  # after a failure: silence for so long means that nothing is under way any more


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence while orbax works. It reports every save at length, and after a failure what is still under way
    prints its own tracebacks. What matters of either is raised and told once.
    """
    heard = [time.monotonic()]
    note = lambda _: heard.append(time.monotonic())
    loggers = [logging.getLogger(name) for name in ("absl", "asyncio", "concurrent.futures")]
    levels = [logger.level for logger in loggers]
    hooks = threading.excepthook, sys.unraisablehook
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    threading.excepthook = sys.unraisablehook = note
    try:
        yield
    except Exception:
        gc.collect()  # tasks that failed speak when they are collected
        while time.monotonic() < heard[-1] + SETTLE_S:
            time.sleep(0.05)
        raise
    finally:
        threading.excepthook, sys.unraisablehook = hooks
        for logger, level in zip(loggers, levels):
            logger.setLevel(level)
