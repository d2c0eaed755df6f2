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

from dmljax import bars, extras, signals
from dmljax.studies.members import Failure, Member
from dmljax.studies.process import Order
from dmljax.types import UserError, nearest

PROGRAM = "dmljax.studies.process"
CLUSTERS = ("slurm", "local")
PATIENCE_S = 60  # for a training to save itself before its job ends
POLL_S = 1.0
TIMEOUT_MIN = 240  # of a job, unless told otherwise: submitit's own few minutes are too short for a training


class Job:
    """One member, to be made in a process of its own (`studies.process`).

    Also what submitit pickles, calls, and asks to step aside.

    Attributes:
      member: its resolved configuration lies in its `config_file`.
      cores: numbers of the processor's cores that it keeps to; empty: all.
      tests: whether it is evaluated on the test people too.
    """

    def __init__(self, member: Member, cores: tuple[int, ...] = (), *, tests: bool = True):
        self.member, self.cores, self.tests = member, cores, tests
        self._process: subprocess.Popen | None = None

    def __call__(self) -> str:
        """Makes the member; returns '' or why it failed."""
        member = self.member
        order = Order(str(member.config_file), str(member.folder), member.descriptor, self.cores, self.tests)
        # -P: a file of the working folder that is called like a module is not taken for it
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            answer, log = self._process.communicate(json.dumps(order._asdict()))
            code = self._process.returncode
        finally:
            self._process = None
        return "" if code == 0 else _reason(answer, log) or f"exit code {code}"

    def stop(self) -> None:
        """Asks the process to save and end."""
        if self._process is not None:
            self._process.terminate()

    def checkpoint(self):
        """What submitit asks before it takes the machine away: saves, and says what to run later."""
        from submitit.helpers import DelayedSubmission

        self.stop()
        with contextlib.suppress(subprocess.TimeoutExpired):  # then the run goes on from what it saved before
            if self._process is not None:
                self._process.wait(PATIENCE_S)
        return DelayedSubmission(Job(self.member, tests=self.tests))


def _reason(answer: str, log: str) -> str:
    """Why a process failed: its answer or, of one that could not give any, the last line of its log."""
    for line in reversed(answer.splitlines()):
        with contextlib.suppress(ValueError, TypeError, KeyError):
            return json.loads(line)["message"]
    return (log.strip().splitlines() or [""])[-1]


def processes(members: list[Member], *, jobs: int, progress: bool = True) -> list[Failure]:
    """Runs what is not finished on this machine, `jobs` at a time.

    SIGTERM and SIGINT are passed on, so that the runs save and can go on. Several at a time share the cores
    out: threads of one that wait for a core that another has cost a tenth of the time.

    Returns:
      members that failed, and why.
    """
    todo = [Job(member) for member in members if not member.finished]
    stopped, failed, free = threading.Event(), [], queue.SimpleQueue()
    for place in places(jobs):
        free.put(place)

    def stop(number, frame):
        del frame
        stopped.set()
        for job in todo:
            job.stop()
        raise KeyboardInterrupt(number)

    def run_one(job: Job) -> None:
        if stopped.is_set():
            return
        job.cores = free.get()
        try:
            reason = job()
        except OSError as error:  # no process can be started
            reason = str(error)
        finally:
            free.put(job.cores)
        if reason and not stopped.is_set():
            failed.append(Failure(job.member, reason))

    with (
        signals.handled(stop),
        _bar(members, todo, progress) as bar,
        ThreadPoolExecutor(jobs) as pool,
    ):
        for _ in pool.map(run_one, todo):
            bar.update()
    return failed


def places(jobs: int) -> list[tuple[int, ...]]:
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
    submit = executor(name, options, logs)
    todo = [Job(member) for member in members if not member.finished]
    waiting, running, failed = list(reversed(todo)), {}, []
    try:
        with (
            signals.handled(signal.default_int_handler),
            _bar(members, todo, progress) as bar,
        ):
            while waiting or running:
                while waiting and len(running) < jobs:
                    job = waiting.pop()
                    running[submit(job)] = job
                for handle in [h for h in running if h.done()]:
                    job = running.pop(handle)
                    if reason := complaint(handle):
                        failed.append(Failure(job.member, reason))
                    bar.update()
                time.sleep(POLL_S)
    finally:
        for handle in running:
            handle.cancel(check=False)
    return failed


def _bar(members, todo, progress: bool) -> bars.Bar:
    return bars.bar(
        total=len(members),
        initial=len(members) - len(todo),
        desc="running",
        unit="run",
        show=progress,
        leave=True,
    )


def complaint(handle) -> str:
    """What a finished job has to complain about, or ''."""
    problem = handle.exception()
    if problem is None:
        return handle.result()
    last = str(problem).strip().splitlines()[-1:]
    return (
        f"job {handle.job_id}: {' '.join(last) or type(problem).__name__}; its output is in"
        f" {handle.paths.stderr}"
    )


def executor(name: str, options: dict[str, Any], logs: Path):
    """submitit's `submit` for a cluster, set up with the options."""
    if name not in CLUSTERS:
        raise UserError(
            f"cluster must be one of {', '.join(CLUSTERS)}; got '{name}'.{nearest(name, CLUSTERS)}"
        )
    extras.require("cluster", "submitit", purpose="a cluster")
    import submitit

    try:
        made = submitit.AutoExecutor(folder=logs, cluster=name)
        made.update_parameters(**{"timeout_min": TIMEOUT_MIN} | options)
    except (NameError, TypeError, ValueError, AssertionError, RuntimeError) as error:
        raise UserError(f"cluster {name}: {' '.join(str(error).split())}") from None
    return made.submit
