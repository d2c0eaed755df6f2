"""Signals that end a command: one line and the right exit code, whatever the command is at."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator

from dmljax import signals

PATIENCE_S = 5.0  # for the way out; compiling for one takes no notice of it


@contextlib.contextmanager
def told(title: str) -> Iterator[None]:
    """In this block a signal ends the process with one line and exit code 128 + its number.

    Whoever has to save first, as a training that has begun, puts a handler of its own in place meanwhile.

    Args:
      title: the line's beginning, 'dmljax train'.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ended: list[int] = []

    def end(number, frame):
        del frame
        ended.append(number)
        raise KeyboardInterrupt(number)

    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    wakeup = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(reader, end, title), daemon=True).start()
    try:
        with signals.handled(end):
            yield
    except BaseException as error:
        number = ended[0] if ended else _number(error)
        if not number:
            raise
        _tell(title, number)
        sys.exit(128 + number)
    finally:
        signal.set_wakeup_fd(wakeup)
        os.close(writer)  # ends the thread


def _number(error: BaseException) -> int:
    """Of the signal that an interruption tells of; Python's own is Ctrl-C."""
    if not isinstance(error, KeyboardInterrupt):
        return 0
    return error.args[0] if error.args and isinstance(error.args[0], int) else int(signal.SIGINT)


def _watch(reader: int, end, title: str) -> None:
    """Ends the process where nothing else does: the main thread compiles, or something swallows its end."""
    with contextlib.suppress(OSError):
        while came := os.read(reader, 64):
            number = next((n for n in came if n in signals.ENDING and signal.getsignal(n) is end), 0)
            if number:
                time.sleep(PATIENCE_S)
                if signal.getsignal(number) is end:  # not over, and nobody else took it in hand
                    _tell(title, number)
                    os._exit(128 + number)
    os.close(reader)


def _tell(title: str, number: int) -> None:
    after_a_bar = "\n" if sys.stderr.isatty() else ""
    print(f"{after_a_bar}{title}: ended by {signal.Signals(number).name}", file=sys.stderr, flush=True)
