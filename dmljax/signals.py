"""Signals that end work, and who gets them for a while."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator

# by the last, clusters announce an end
ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR2)


@contextlib.contextmanager
def handled(handler: Callable) -> Iterator[None]:
    """In this block the ending signals go to a handler; who had them before gets them again afterwards.

    Outside the main thread, which alone gets any, nothing is done.
    """
    before = {}
    for number in ENDING:
        with contextlib.suppress(ValueError):  # not in the main thread
            before[number] = signal.signal(number, handler)
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
