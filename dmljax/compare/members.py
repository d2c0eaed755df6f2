"""The members of a comparison: strategies x seeds x folds, each a plain training command with a run folder of its own.

Equal weights, random weights and single-task runs are always among them: without them a gain means nothing. A member that
is finished is not run again; one that was stopped goes on where it was.
"""
from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from dmljax import config as configuration
from dmljax import plugins
from dmljax.types import UserError

ALWAYS = ("equal", "rlw")
SINGLE = "single_"
COST = "cost.json"


class Member(NamedTuple):
    """One run. `label`: the strategy's name in tables; `arguments`: of the training command, beside the comparison's own."""

    label: str
    seed: int
    fold: int
    folder: Path
    arguments: tuple[str, ...]

    @property
    def finished(self) -> bool:
        return (self.folder / COST).exists()


def plan(config, strategies, seeds, folds, run: Path) -> list[Member]:
    """All members, in an order in which an unfinished comparison is balanced: seed by seed, fold by fold.

    Args:
      config: tells which tasks there are.
      strategies: names of weightings; `equal`, `rlw` and a single-task run per classification head are added.
      folds: numbers of the test folds.

    Raises:
      UserError: an unknown strategy, or a fold or seed that is no number in range.
    """
    for name in strategies:
        plugins.load("weightings", name)
    tasks = ("expression", "pose") if config.model.pose_head else ("expression",)
    labels = dict.fromkeys((*ALWAYS, *(SINGLE + task for task in tasks), *(s for s in strategies if s != "single")))
    for name, values, top in (("seeds", seeds, 2**31), ("folds", folds, config.split.folds)):
        if not values or any(not 0 <= value < top for value in values) or len(set(values)) < len(values):
            raise UserError(f"--{name} must be different whole numbers from 0 to {top - 1}, got {','.join(map(str, values))}")
    where = lambda seed, fold: (f"--config.seed={seed}", f"--config.split.fold={fold}")  # noqa: E731
    return [
        Member(label, seed, fold, run / label / f"seed_{seed}_fold_{fold}", (*_weighting(label), *where(seed, fold)))
        for seed in seeds for fold in folds for label in labels
    ]


def _weighting(label: str) -> tuple[str, ...]:
    if label.startswith(SINGLE):
        return "--config.weighting.name=single", f"--config.weighting.single.task={label.removeprefix(SINGLE)}"
    return (f"--config.weighting.name={label}",)


def run_all(members: list[Member], arguments: list[str], *, jobs: int, progress: bool = True) -> list[tuple[Member, str]]:
    """Runs what is not finished, `jobs` at a time; SIGTERM and SIGINT are passed on, so that the runs save and can go on.

    Args:
      arguments: `--config...` of the comparison, given to every training.

    Returns:
      members that failed, each with the last line it said.
    """
    todo = [member for member in members if not member.finished]
    running: set[subprocess.Popen] = set()
    stopped, failed = threading.Event(), []

    def stop(number, frame):
        del frame
        stopped.set()
        for process in tuple(running):
            process.send_signal(signal.SIGTERM)
        raise KeyboardInterrupt(number)

    def one(member: Member) -> None:
        if stopped.is_set():
            return
        said = _train_and_evaluate(member, arguments, running)
        if said and not stopped.is_set():
            failed.append((member, said))

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with tqdm(total=len(members), initial=len(members) - len(todo), desc="comparing", unit="run", disable=not progress) as bar:
            with ThreadPoolExecutor(jobs) as pool:
                for _ in pool.map(one, todo):
                    bar.update()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return failed


def _train_and_evaluate(member: Member, arguments: list[str], running: set) -> str:
    """'' or what it said when it failed. What it cost is written last: a member with a cost is finished."""
    run = f"--run={member.folder}"
    code, said, seconds, peak = _command(["train", *arguments, *member.arguments, run, "--noprogress"], running)
    if code == 0:
        code, said, _, _ = _command(["evaluate", run, "--noprogress"], running)
    if code:
        return said or f"exit code {code}"
    steps = [json.loads(line) for line in (member.folder / "train.jsonl").read_text().splitlines()]
    rate = [line["steps_per_second"] for line in steps if "steps_per_second" in line][-1]
    part = member.folder / f".{COST}.part"
    part.write_text(json.dumps({"train_s": round(seconds, 1), "peak_bytes": peak, "step_s": round(1 / rate, 5)}) + "\n")
    part.replace(member.folder / COST)
    return ""


def _command(arguments: list[str], running: set) -> tuple[int, str, float, int]:
    """(exit code, last line of its errors, processor seconds, largest resident memory in bytes) of a dmljax command."""
    script = "from dmljax.cli import main; main()"
    process = subprocess.Popen([sys.executable, "-c", script, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    running.add(process)
    try:
        lines = process.stderr.read().strip().splitlines()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    finally:
        running.discard(process)
        process.stderr.close()
    return process.returncode, lines[-1] if lines else "", usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def read_results(members: list[Member]) -> list[dict]:
    """One row a finished member: label, seed, fold, scores, cost and where its log lies."""
    rows = []
    for member in members:
        if member.finished:
            score = json.loads((member.folder / "evaluation" / "metrics.json").read_text())
            cost = json.loads((member.folder / COST).read_text())
            rows.append({"label": member.label, "seed": member.seed, "fold": member.fold, **score["scores"], **cost,
                         "log": str(member.folder / "train.jsonl"), "dataset": score["dataset"]})
    return rows


def own_arguments() -> list[str]:
    """The `--config...` flags of this command line, for the members' commands."""
    return [argument for argument in sys.argv[1:] if argument.startswith(("--config=", "--config.", "-config=", "-config."))]


def record(run: Path, arguments: list[str], members: list[Member]) -> None:
    """Writes what the folder compares, or refuses one that compares something else.

    Raises:
      UserError: the folder holds a comparison of another configuration.
    """
    path = run / "comparison.json"
    stable = [a for a in arguments if not a.startswith(tuple(f"--config.{field}" for field in configuration.MAY_CHANGE))]
    if path.exists():
        there = json.loads(path.read_text())["config"]
        if there != stable:
            raise UserError(f"'{run}' holds a comparison with {' '.join(there)}, not {' '.join(stable)}; change them back, or give another --run")
    run.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"config": stable, "members": [str(m.folder.relative_to(run)) for m in members]}, indent=1) + "\n")
