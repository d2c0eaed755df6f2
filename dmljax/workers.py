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

from tqdm import tqdm

from dmljax import plugins
from dmljax.types import UserError


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def each(
    do: Callable[[object, Callable[[int], None]], None],
    items: Sequence,
    bar: tqdm,
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
      UserError: a worker failed; with the last line that it said.
    """
    workers = min(workers or cores(), len(items))
    if workers <= 1:
        for item in items:
            do(item, bar.update)
        return
    reader, writer = os.pipe()
    with contextlib.ExitStack() as open_files:
        # (process, what it says on stderr): each has a file of its own, where no other writes in between
        running = []
        try:
            for k in range(workers):
                said = open_files.enter_context(tempfile.TemporaryFile())
                process = subprocess.Popen(
                    [sys.executable, "-m", "dmljax.workers"],
                    stdin=subprocess.PIPE,
                    stdout=writer,
                    stderr=said,
                    env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
                )
                running.append((process, said))
                assert process.stdin is not None  # a pipe
                pickle.dump((sys.path, plugins.state()), process.stdin)
                pickle.dump((do, items[k::workers]), process.stdin)
                process.stdin.close()
            os.close(writer)
            with open(reader, "rb", buffering=0) as reports:
                while marks := reports.read(4096):
                    bar.update(len(marks))
            failed = [(process.returncode, said) for process, said in running if process.wait()]
        except BaseException:
            for process, _ in running:
                process.kill()
                process.wait()
            raise
        if failed:
            code, said = failed[0]
            said.seek(0)
            last = said.read().decode(errors="replace").strip().splitlines()[-1:] or [f"exit code {code}"]
            raise UserError(f"{doing} failed: {last[0].removeprefix('dmljax.types.UserError: ')}")


def _work() -> None:
    """A worker: does what it is told over stdin, and writes one byte for each image to stdout."""
    reports = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no report
    sys.path[:], known = pickle.load(sys.stdin.buffer)
    plugins.restore(known)  # what comes next may refer to a plug-in's own functions
    do, items = pickle.load(sys.stdin.buffer)
    for item in items:
        do(item, lambda count: os.write(reports, b"." * count))


if __name__ == "__main__":
    _work()
