"""Work shared among processes of this machine: whole items to each, one byte back for each image.

Workers are fresh interpreters that get their task over a pipe, not forks: the parent may hold threads of
TensorFlow or JAX. A worker whose parent is gone fails at its next report, so a kill of the parent ends all.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from typing import IO, Any

from dmljax import bars, plugins
from dmljax.types import UserError


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def each(
    do: Callable[[Any, Callable[[int], None]], None],
    items: Sequence,
    bar: bars.Bar,
    *,
    workers: int = 0,
    doing: str,
) -> None:
    """Calls `do(item, report)` for every item, where report(n) counts n images on the bar.

    Args:
      do: can be pickled, as can the items.
      workers: processes; 0: one for each core.
      doing: what is done, for errors.

    Raises:
      UserError: a worker failed; with its error, or the last line of one that ended without.
    """
    workers = min(workers or cores(), len(items))
    if workers <= 1:
        for item in items:
            do(item, bar.update)
        return
    reader, writer = os.pipe()
    with contextlib.ExitStack() as open_files:
        # (process, its error, what it says on stderr): files of its own, where no other writes in between
        running = []
        try:
            for k in range(workers):
                failure, said = (open_files.enter_context(tempfile.TemporaryFile()) for _ in range(2))
                process = subprocess.Popen(
                    [sys.executable, "-m", "dmljax.workers"],
                    stdin=subprocess.PIPE,
                    stdout=writer,
                    stderr=said,
                    pass_fds=(failure.fileno(),),
                    env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
                )
                running.append((process, failure, said))
                assert process.stdin is not None  # a pipe
                pickle.dump((sys.path, plugins.state()), process.stdin)
                pickle.dump((do, items[k::workers], failure.fileno()), process.stdin)
                process.stdin.close()
            os.close(writer)
            with open(reader, "rb", buffering=0) as reports:
                while marks := reports.read(4096):
                    bar.update(len(marks))
            failed = [worker for worker in running if worker[0].wait()]
        except BaseException:
            for process, _, _ in running:
                process.kill()
                process.wait()
            raise
        if failed:
            raise UserError(f"{doing} failed: {_reason(*failed[0])}")


def _reason(process: subprocess.Popen, failure: IO[bytes], said: IO[bytes]) -> str:
    """Why a worker ended: its error, or what it said last where it could not leave one, as when killed."""
    for file in (failure, said):
        file.seek(0)
        if lines := file.read().decode(errors="replace").strip().splitlines():
            return lines[-1]
    return f"exit code {process.returncode}"


def _work() -> None:
    """A worker: does what it is told over stdin, and writes one byte for each image to stdout."""
    reports = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no report
    sys.path[:], known = pickle.load(sys.stdin.buffer)
    plugins.restore(known)  # what comes next may refer to a plug-in's own functions
    do, items, failure = pickle.load(sys.stdin.buffer)
    try:
        for item in items:
            do(item, lambda count: os.write(reports, b"." * count))
    except Exception as error:
        name = "" if isinstance(error, UserError) else f"{type(error).__name__}: "
        os.write(failure, f"{name}{' '.join(str(error).split())}".encode())
        raise


if __name__ == "__main__":
    _work()
