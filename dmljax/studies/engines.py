"""Where the members of a study run: processes of this machine, or jobs that submitit gives to SLURM."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tqdm import tqdm

from dmljax import extras, plugins
from dmljax.studies.members import COST, TRAIN, Failure, Member
from dmljax.types import TUPLE_SIZE, UserError

CLUSTERS = ("slurm", "local")
PATIENCE_S = 60  # for a training to save itself before its job ends
POLL_S = 1.0
TIMEOUT_MIN = 240  # of a job, unless told otherwise: submitit's own few minutes are too short for a training


class Job:
    """One member as plain commands: its program and, of a network, its evaluation.

    Also what submitit pickles, calls, and asks to step aside.

    Attributes:
      member: its resolved configuration lies in its `config_file`.
      cores: numbers of the processor's cores that it keeps to; empty: all.
    """

    def __init__(self, member: Member, cores: tuple[int, ...] = ()):
        self.member, self.cores = member, cores
        self._process: subprocess.Popen | None = None

    def __call__(self) -> str:
        """Runs it; '' or what it said when it failed. The cost is written last: who has one is finished."""
        folder, program = self.member.folder, self.member.program
        run = f"--run={folder}"
        code, said, seconds, peak = self._command(
            [*program, f"--config={self.member.config_file}", run, "--noprogress"]
        )
        if code == 0 and program == TRAIN:
            code, said, _, _ = self._command(["evaluate", run, "--noprogress"])
        if code:
            return said or f"exit code {code}"
        cost = {"train_s": round(seconds, 1), "peak_bytes": peak} | (
            _pace(folder) if program == TRAIN else {}
        )
        part = folder / f".{COST}.part"
        part.write_text(json.dumps(cost) + "\n")
        part.replace(folder / COST)
        return ""

    def stop(self) -> None:
        """Asks the command that runs to save and end."""
        if self._process is not None:
            self._process.terminate()

    def checkpoint(self):
        """What submitit asks before it takes the machine away: saves, and says what to run later."""
        from submitit.helpers import DelayedSubmission

        self.stop()
        with contextlib.suppress(subprocess.TimeoutExpired):  # then the run goes on from what it saved before
            if self._process is not None:
                self._process.wait(PATIENCE_S)
        return DelayedSubmission(Job(self.member))

    def _command(self, arguments: list[str]) -> tuple[int, str, float, int]:
        """(exit code, last line of its errors, processor seconds, most bytes of memory) of a command."""
        keep = f"import os; os.sched_setaffinity(0, {list(self.cores)}); " if self.cores else ""
        script = f"{keep}from dmljax.launch.cli import main; main()"
        process = subprocess.Popen(
            [sys.executable, "-c", script, *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._process = process
        try:
            lines = process.stderr.read().strip().splitlines()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        finally:
            self._process = None
            process.stderr.close()
        return (
            process.returncode,
            lines[-1] if lines else "",
            usage.ru_utime + usage.ru_stime,
            usage.ru_maxrss * 1024,
        )


def _pace(folder: Path) -> dict:
    """Seconds a step and images a second of a training, at its end."""
    steps = [json.loads(line) for line in (folder / "train.jsonl").read_text().splitlines()]
    rate = [line["steps_per_second"] for line in steps if "steps_per_second" in line][-1]
    data = json.loads((folder / "config.json").read_text())["data"]
    images = TUPLE_SIZE * data["tuples_per_step"] * data["accumulate"]
    return {"step_s": round(1 / rate, 5), "images_s": round(images * rate, 1)}


def processes(members: list[Member], *, jobs: int, progress: bool = True) -> list[Failure]:
    """Runs what is not finished on this machine, `jobs` at a time.

    SIGTERM and SIGINT are passed on, so that the runs save and can go on. Several at a time share the cores
    out: threads of one that wait for a core that another has cost a tenth of the time.

    Returns:
      members that failed, each with the last line it said.
    """
    todo = [Job(member) for member in members if not member.finished]
    stopped, failed, places = threading.Event(), [], queue.SimpleQueue()
    for place in _places(jobs):
        places.put(place)

    def stop(number, frame):
        del frame
        stopped.set()
        for job in todo:
            job.stop()
        raise KeyboardInterrupt(number)

    def one(job: Job) -> None:
        if stopped.is_set():
            return
        job.cores = places.get()
        try:
            said = job()
        except (OSError, ValueError, LookupError, ArithmeticError) as error:  # files that it left unfinished
            said = f"{type(error).__name__}: {error}"
        finally:
            places.put(job.cores)
        if said and not stopped.is_set():
            failed.append(Failure(job.member, said))

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with _bar(members, todo, progress) as bar, ThreadPoolExecutor(jobs) as pool:
            for _ in pool.map(one, todo):
                bar.update()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return failed


def _places(jobs: int) -> list[tuple[int, ...]]:
    """The cores of each of `jobs` processes; all for each where there is one process, or fewer cores, or no
    way to keep to some.
    """
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else []
    return [tuple(cores[k::jobs]) if 1 < jobs <= len(cores) else () for k in range(jobs)]


def cluster(
    members: list[Member],
    *,
    name: str,
    options: dict[str, Any],
    logs: Path,
    jobs: int,
    progress: bool = True,
) -> list[Failure]:
    """The same as jobs of a cluster, `jobs` submitted at a time.

    A job that is pre-empted saves and is queued again; one that stops with this process goes on when the
    study is started again.

    Args:
      name: 'slurm', or 'local' to try the jobs on this machine.
      options: submitit's parameters, such as {"timeout_min": 60, "slurm_partition": "gpu"}.
      logs: where submitit keeps its scripts and the output of the jobs.

    Raises:
      UserError: submitit is not installed, there is no such cluster here, or an option is unknown.
    """
    submit = _executor(name, options, logs)
    todo = [Job(member) for member in members if not member.finished]
    waiting, running, failed = list(reversed(todo)), {}, []
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with _bar(members, todo, progress) as bar:
            while waiting or running:
                while waiting and len(running) < jobs:
                    job = waiting.pop()
                    running[submit(job)] = job
                for handle in [h for h in running if h.done()]:
                    job = running.pop(handle)
                    if said := _said(handle):
                        failed.append(Failure(job.member, said))
                    bar.update()
                time.sleep(POLL_S)
    finally:
        signal.signal(signal.SIGTERM, before)
        for handle in running:
            handle.cancel(check=False)
    return failed


def _bar(members, todo, progress: bool) -> tqdm:
    return tqdm(
        total=len(members),
        initial=len(members) - len(todo),
        desc="running",
        unit="run",
        disable=not progress,
    )


def _said(handle) -> str:
    """What a finished job has to complain about, or ''."""
    problem = handle.exception()
    if problem is None:
        return handle.result()
    last = str(problem).strip().splitlines()[-1:]
    return (
        f"job {handle.job_id}: {' '.join(last) or type(problem).__name__}; its output is in"
        f" {handle.paths.stderr}"
    )


def _executor(name: str, options: dict[str, Any], logs: Path):
    """submitit's `submit` for a cluster, set up with the options."""
    if name not in CLUSTERS:
        raise UserError(
            f"cluster must be one of {', '.join(CLUSTERS)}; got '{name}'.{plugins.nearest(name, CLUSTERS)}"
        )
    extras.require("cluster", "submitit", purpose="a cluster")
    import submitit

    try:
        executor = submitit.AutoExecutor(folder=logs, cluster=name)
        executor.update_parameters(**{"timeout_min": TIMEOUT_MIN} | options)
    except (NameError, TypeError, ValueError, AssertionError, RuntimeError) as error:
        raise UserError(f"cluster {name}: {' '.join(str(error).split())}") from None
    return executor.submit
