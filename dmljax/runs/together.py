"""What the processes of one run decide together; nothing to wait for where there is one."""

from __future__ import annotations

import jax
import numpy as np
from jax.experimental import multihost_utils


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
