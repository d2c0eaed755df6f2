"""How far some work is: a bar on a terminal, and in a log file a line now and then.

A bar is drawn over and over; in a file that would be hundreds of copies of it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from tqdm import tqdm

EVERY_S = 30.0  # between two lines; work that ends before the first says nothing

above = tqdm.external_write_mode  # in this block one may print without tearing a bar


def bar(
    items: Iterable = (),
    *,
    desc: str,
    unit: str,
    show: bool,
    total: int | None = None,
    initial: int = 0,
    leave: bool = False,
) -> Bar:
    """What counts some work on stderr.

    Args:
      items: what is worked on, if it is run through; else `update` counts.
      desc: what is done, 'reading kdef'.
      unit: what is counted, 'image'.
      show: whether anything is shown at all.
      total: how many there are; None: as many as `items`.
      initial: how many were done before.
      leave: whether a bar stays when the work is done.
    """
    total = len(items) if total is None else total  # type: ignore[arg-type]
    if show and not _drawn():
        return Lines(items, desc=desc, total=total, initial=initial)
    return tqdm(
        items,
        desc=desc,
        unit=unit,
        disable=not show,
        total=total,
        initial=initial,
        leave=leave,
        smoothing=0.1,
        dynamic_ncols=True,
    )


def _drawn() -> bool:
    """Whether stderr is somewhere where a line can be drawn again: a terminal or a notebook."""
    return sys.stderr.isatty() or "ipykernel" in sys.modules


class Lines:
    """The same as lines, one every `EVERY_S`; what tqdm's bars have of methods, as far as it is used."""

    def __init__(self, items: Iterable, *, desc: str, total: int, initial: int):
        self._items, self._desc, self._total, self._first = items, desc, total, initial
        self._began = self._said = time.monotonic()
        self._running: tuple[float, int] | None = None  # when the first were done, and how many then
        self._more, self._last, self.n = "", initial, initial

    def update(self, count: int = 1) -> None:
        """Counts some more."""
        self.n += count
        if self._running is None:  # what is done first may have waited for a compiler
            self._running = time.monotonic(), self.n
        if time.monotonic() - self._said >= EVERY_S:
            self._say()

    def set_postfix_str(self, text: str, *, refresh: bool = True) -> None:
        """What stands at the end of the next line."""
        del refresh
        self._more = f", {text}" if text else ""

    def close(self) -> None:
        """Says the last line, if there was any."""
        if self._last not in (self._first, self.n):
            self._say()

    def _say(self) -> None:
        self._said, self._last = time.monotonic(), self.n
        share, since = 100 * self.n // max(self._total, 1), tqdm.format_interval(self._said - self._began)
        first_s, first = self._running or (self._said, self.n)
        left = ""
        if first < self.n < self._total:
            seconds = (self._total - self.n) * (self._said - first_s) / (self.n - first)
            left = f", {tqdm.format_interval(seconds)} left"
        line = f"{self._desc}: {self.n:,} of {self._total:,} ({share} %) in {since}{left}{self._more}"
        print(line, file=sys.stderr, flush=True)

    def __iter__(self) -> Iterator:
        with self:
            for item in self._items:
                yield item
                self.update()

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *_) -> None:
        self.close()


Bar: TypeAlias = "tqdm | Lines"
