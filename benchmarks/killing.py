"""A tiny training in processes of its own that may be killed, and what it leaves."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from dmljax import run_folder
from dmljax.types import CHECKPOINTS, UserError

LIMIT_S = 300  # for anything that is waited for
START_LIMIT_S = 120  # in which processes meet; one that was killed before is only missed then
STEPS = 40
SMALL = {
    "dataset.synthetic.identities": 6,
    "data.image_size": 24,
    "data.tuples_per_step": 2,
    "backbone.resnet.width": 4,
    "backbone.resnet.stages": "(1,)",
    "model.fused": 8,
    "model.embedding": 8,
    "model.hidden": 8,
    "train.duration": f"{STEPS} steps",
    "train.log_every": "3 steps",
    "train.save_every": "4 steps",
}


class Run:
    """A run in a folder of its own, in one or several processes."""

    def __init__(self, folder: Path, processes: int, cache: Path):
        self.folder, self.processes, self._cache = folder, processes, cache
        self.running: list[subprocess.Popen] = []
        self.began, self._old = 0.0, set()

    @contextlib.contextmanager
    def started(self) -> Iterator[None]:
        """The processes run in this block; none is left after it."""
        command = [sys.executable, "-m", "dmljax", "train", "--config=quick", "--noprogress"]
        command += [f"--run={self.folder}", *(f"--config.{name}={value}" for name, value in SMALL.items())]
        port = _free_port()
        environment = os.environ | {
            "JAX_PLATFORMS": "cpu",
            "XLA_FLAGS": "--xla_force_host_platform_device_count=1",
            "JAX_COMPILATION_CACHE_DIR": str(self._cache),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        }
        self.began, self._old = time.monotonic(), set(self._parts())
        with self._said_file().open("w") as said:
            for process in range(self.processes):
                together = [f"--coordinator=127.0.0.1:{port}", f"--processes={self.processes}"]
                together += [f"--process={process}", f"--start_limit={START_LIMIT_S}"]
                more = together if self.processes > 1 else []
                self.running.append(
                    subprocess.Popen(
                        [*command, *more], env=environment, stdout=said, stderr=subprocess.STDOUT
                    )
                )
        try:
            yield
        finally:
            for process in self.running:
                process.kill()
                process.wait()
            self.running.clear()

    def _said_file(self) -> Path:
        return self.folder.with_suffix(".txt")

    def said(self) -> str:
        """The end of what the processes said."""
        return self._said_file().read_text()[-2000:]

    def steps(self) -> int:
        """The last step in the log, 0 before the first."""
        with contextlib.suppress(UserError, IndexError):
            return run_folder.log(self.folder)[-1]["step"]
        return 0

    def unfinished(self) -> str:
        """The checkpoint that is being written, or ''; what an earlier kill has left is none."""
        return next((name for name, number in self._parts() if (name, number) not in self._old), "")

    def _parts(self) -> Iterator[tuple[str, int]]:
        for part in (self.folder / run_folder.CHECKPOINTS).glob("*/*tmp*"):
            with contextlib.suppress(FileNotFoundError):
                yield f"{part.parent.name}/{part.name}", part.stat().st_ino

    def wait(self, condition: Callable[[], object], seconds: float = LIMIT_S) -> bool:
        """Whether the condition is met while all processes run."""
        until = time.monotonic() + seconds
        while not condition():
            if any(process.poll() is not None for process in self.running) or time.monotonic() > until:
                return False
            time.sleep(0.002)
        return True

    def end(self) -> str:
        """Waits until all processes have ended by themselves; what went wrong, or ''."""
        for process in self.running:
            try:
                process.wait(LIMIT_S)
            except subprocess.TimeoutExpired:
                return f"a process has not ended in {LIMIT_S} s: {self.said()}"
        codes = [process.returncode for process in self.running]
        return f"exit codes {codes}: {self.said()}" if any(codes) else ""


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def left(run: Run) -> dict:
    """What a finished run leaves: digests of its arrays, and its log without what depends on the machine."""
    from dmljax.training import digests
    from dmljax.training.checkpoint import Checkpoints

    saved = {kind: Checkpoints(run.folder).newest(kind) for kind in CHECKPOINTS}
    lines = run_folder.log(run.folder)
    return {
        **{f"{kind} step": found.step for kind, found in saved.items()},
        **{
            f"{kind} {name}": digests.of_array(array)
            for kind, found in saved.items()
            for name, array in found.arrays.items()
        },
        **{
            f"log line {k}": {key: value for key, value in line.items() if key != "steps_per_second"}
            for k, line in enumerate(lines)
        },
    }
