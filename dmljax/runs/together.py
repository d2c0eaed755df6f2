"""What the processes of one run decide together; nothing to wait for where there is one."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import jax
import numpy as np
from jax.experimental import multihost_utils

from dmljax.runs import lock
from dmljax.types import UserError


def alone() -> bool:
    """Whether there is one process."""
    return jax.process_count() == 1


def largest(number: int) -> int:
    """The largest of all processes' numbers, below 2^31; every process has to ask."""
    if alone():
        return number
    return int(np.max(multihost_utils.process_allgather(np.int32(number))))


def wait(what: str) -> None:
    """Goes on when all processes are here; `what` names the place."""
    if not alone():
        multihost_utils.sync_global_devices(what)


@contextlib.contextmanager
def holding(folder: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Holds the lock for all processes of one run: the first one has it, and all end where it is refused.

    Raises:
      UserError: another run holds it.
    """
    with contextlib.ExitStack() as stack:
        refused = None
        if jax.process_index() == 0:
            try:
                stack.enter_context(lock.held(folder, say))
            except (UserError, OSError) as error:
                refused = error
        if largest(int(refused is not None)):
            raise refused or UserError(f"'{folder}' is in use by {lock.holder(folder)}")
        yield
