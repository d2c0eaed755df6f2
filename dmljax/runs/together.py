"""What the processes of one run decide together; nothing to wait for where there is one."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import jax
import numpy as np
from jax.experimental import multihost_utils

from dmljax import pages
from dmljax.runs import lock, rendezvous
from dmljax.types import UserError


@contextlib.contextmanager
def connected(
    coordinator: str,
    processes: int,
    process: int,
    *,
    launched: bool = False,
    limit_s: float = 300,
    say: Callable[[str], None] = print,
) -> Iterator[None]:
    """In this block several processes are one run; nothing is done where there is only one.

    Args:
      coordinator: HOST:PORT of process 0.
      launched: a launcher may say which of its machine's devices a process has; else it has all of them.
      limit_s: how long to wait for the others.
      say: is told of a wait that takes long.

    Raises:
      UserError: the numbers do not fit together, the coordinator cannot be reached, or not all come in time.
    """
    if processes == 1 and not coordinator:
        yield
        return
    if not coordinator or not process < processes:
        raise UserError(
            "several processes need HOST:PORT of the first one, and a number each that is below their count;"
            f" got '{coordinator}', {process} of {processes}",
            parameter="coordinator",
        )
    pages.keep()  # before the service's threads allocate
    with rendezvous.meeting(coordinator, processes, process, limit_s=limit_s, say=say):
        try:
            jax.distributed.initialize(
                coordinator,
                processes,
                process,
                cluster_detection_method=None if launched else "deactivate",
                initialization_timeout=int(limit_s),
            )
        except (RuntimeError, ValueError) as error:
            raise UserError(
                f"process {process} cannot join {processes} processes at {coordinator}:"
                f" {str(error).splitlines()[0]}"
            ) from None
        yield
        jax.distributed.shutdown()  # which waits for the others, and here it is noticed where one is gone


def alone() -> bool:
    """Whether there is one process."""
    return jax.process_count() == 1


def everyones(number: int) -> list[int]:
    """The number that each process has, below 2^31; every process has to ask."""
    if alone():
        return [number]
    return [int(each) for each in np.ravel(multihost_utils.process_allgather(np.int32(number)))]


def largest(number: int) -> int:
    """The largest of all processes' numbers, below 2^31; every process has to ask."""
    return max(everyones(number))


def wait(what: str) -> None:
    """Goes on when all processes are here; `what` names the place."""
    if not alone():
        multihost_utils.sync_global_devices(what)


class Agreed:
    """A pmapped program that all processes have compiled before one of them runs it.

    Who is ready first would else wait inside of the program, where a message that the others do not answer
    within half a minute may be an error (Gloo's reduce-scatter).
    """

    def __init__(self, program):
        self._program, self._agreed = program, alone()

    def __call__(self, *arguments):
        if not self._agreed:
            self._program.lower(*arguments).compile()  # which JAX keeps for the call
            wait("a program is compiled")
            self._agreed = True
        return self._program(*arguments)


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
