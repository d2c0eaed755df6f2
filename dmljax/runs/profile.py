"""A JAX profile of some steps of a training, RUN/profile."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import jax

from dmljax import run_folder
from dmljax.types import UserError


def steps(text: str) -> tuple[int, int] | None:
    """(first, last) of '100:105', or None of ''.

    Raises:
      UserError: it is no such text.
    """
    if not text:
        return None
    found = re.fullmatch(r"(\d{1,9}):(\d{1,9})", text)
    first, last = map(int, found.groups()) if found else (0, 0)
    if not 1 <= first <= last:
        raise UserError(
            f"must be the first and the last step, 'FIRST:LAST' from 1 on; got '{text}'",
            parameter="train.profile",
        )
    return first, last


class Profile:
    """Writes while the wanted steps run; does nothing where none are wanted."""

    def __init__(self, run: Path, text: str):
        self._wanted, self._folder, self._writes = steps(text), run / run_folder.PROFILE, False

    def missed(self, whole: int) -> str:
        """What is to be said where a run of so many steps ends before its profile begins; or ''."""
        if not self._wanted or self._wanted[0] <= whole:
            return ""
        return f"train.profile begins at step {self._wanted[0]}, and the run has {whole}: nothing is written"

    def before(self, step: int) -> None:
        """The step that leads to this number begins."""
        if self._wanted and not self._writes and self._wanted[0] <= step <= self._wanted[1]:
            jax.profiler.start_trace(str(self._folder))
            self._writes = True

    def after(self, step: int, results) -> None:
        """It was given to the devices; `results` are what it returns."""
        if self._writes and self._wanted and step >= self._wanted[1]:
            jax.block_until_ready(results)
            self._end()

    @contextlib.contextmanager
    def whole(self) -> Iterator[None]:
        """What was written is kept where a training ends between."""
        try:
            yield
        finally:
            self._end()

    def _end(self) -> None:
        if self._writes:
            jax.profiler.stop_trace()
            self._writes = False
