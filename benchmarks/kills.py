"""Kills trainings at random moments, continues each to its end, and compares it with one left in peace."""

import collections
import itertools
import json
import random
import signal
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from absl import flags
from dmljax.launch import cli
from killing import START_LIMIT_S, STEPS, Run, left
from tqdm import tqdm

from dmljax.types import UserError

SUMMARY = "Kills trainings at random moments and compares what they end with; writes a JSON line a kill."
USAGE = """\
    python benchmarks/kills.py --kills=100 --out=kills.jsonl

Of the kills (SIGKILL) 30 % come in the middle of a save, 20 % while a run starts, the others at any moment
after it; half of each in a run of two processes, of which one is killed, or both. A run is killed up to three
times before it goes on to its end. What the file has is not done again: the same command goes on.
"""
KINDS = {"saving": 0.3, "starting": 0.2, "training": 0.5}
MOST_A_RUN = 3  # kills of one run before it may end


class Kill(NamedTuple):
    """What a kill met.

    Attributes:
      kind: one of KINDS, by what was under way.
      who: the processes that were killed.
      seconds: after the start.
      step: the last that was logged.
      under_way: the checkpoint that was being written, or ''.
    """

    kind: str
    who: tuple[int, ...]
    seconds: float
    step: int
    under_way: str


class Times(NamedTuple):
    """Of a run left in peace, in seconds: until its first line in the log, and from there to its end."""

    start: float
    rest: float


def in_peace(run: Run) -> tuple[dict, Times]:
    """What a run leaves that nobody kills, and how long it takes with a warm cache of compiled programs."""
    for name in ("cold", "warm"):
        run.folder = run.folder.with_name(f"peace_{run.processes}_{name}")
        with run.started():
            run.wait(run.steps)
            first = time.monotonic()
            if wrong := run.end():
                raise UserError(f"a run that nobody killed has failed: {wrong}")
            times = Times(first - run.began, time.monotonic() - first)
    return left(run), times


def strike(run: Run, kind: str, times: Times, chance: random.Random) -> Kill | None:
    """Kills a run as soon as it is at something of this kind; None where it ended before.

    What was really under way may be of another kind, and says which kind it was.
    """
    before = run.steps()
    if kind == "starting":
        run.wait(lambda: False, chance.uniform(0, times.start))
    elif kind == "saving":
        run.wait(lambda: run.steps() > before)
        run.wait(lambda: False, chance.uniform(0, times.rest * (1 - before / STEPS) / 2))
        run.wait(run.unfinished)
        time.sleep(chance.uniform(0, 0.1))
    else:
        run.wait(lambda: run.steps() > before)
        run.wait(lambda: False, chance.uniform(0, times.rest * (1 - before / STEPS)))
    everyone = tuple(range(run.processes))
    who = chance.choice([*((process,) for process in everyone), everyone])
    if any(process.poll() is not None for process in run.running):
        return None
    for process in who:
        run.running[process].send_signal(signal.SIGKILL)
    for process in who:
        run.running[process].wait()
    seconds, under_way, step = time.monotonic() - run.began, run.unfinished(), run.steps()
    at = "saving" if under_way else "training" if step > before else "starting"
    return Kill(at, who, round(seconds, 2), step, under_way)


def killed(
    run: Run, lacking: collections.Counter, times: Times, chance: random.Random, peace: dict
) -> list[dict]:
    """A run that is killed a few times and then left to its end: a line for each kill.

    Args:
      lacking: how many kills of each kind are still wanted.
    """
    kills: list[Kill] = []
    for _ in range(min(chance.randint(1, MOST_A_RUN), lacking.total())):
        kind = chance.choice(
            list((lacking - collections.Counter(kill.kind for kill in kills)).elements()) or [*KINDS]
        )
        with run.started():
            kill = strike(run, kind, times, chance)
            if kill is None:
                wrong = run.end()
                break
            kills.append(kill)
            wrong = (
                "" if _others_end(run) else f"process {kill.who} was killed; the others go on: {run.said()}"
            )
        if wrong:
            break
    else:
        with run.started():
            wrong = run.end()
    now = {} if wrong else left(run)
    if wrong and not kills:
        raise UserError(f"a run failed before anybody killed it: {wrong}")
    different = [name for name in sorted(peace.keys() | now.keys()) if peace.get(name) != now.get(name)]
    more = {"differs": different[:5]} if not wrong and different else {"failed": wrong} if wrong else {}
    return [
        {**kill._asdict(), "processes": run.processes, "equal": not wrong and not different, **more}
        for kill in kills
    ]


def _others_end(run: Run) -> bool:
    until = time.monotonic() + START_LIMIT_S + 60
    while any(process.poll() is None for process in run.running):
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def define(values) -> None:
    flags.DEFINE_integer("kills", 100, "how many.", lower_bound=10, flag_values=values)
    flags.DEFINE_integer("seed", 0, "of the moments.", flag_values=values)
    flags.DEFINE_string("out", "kills.jsonl", "file of the JSON lines.", flag_values=values)


def main(values) -> int:
    out = Path(values.out)
    lines = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
    aims = {kind: round(values.kills * share / 2) for kind, share in KINDS.items()}

    def lacking(processes: int) -> collections.Counter:
        done = collections.Counter(line["kind"] for line in lines if line["processes"] == processes)
        return collections.Counter(aims) - done

    whole = 2 * sum(aims.values())
    with tempfile.TemporaryDirectory() as base, tqdm(total=whole, unit="kill", smoothing=0) as bar:
        for processes in (1, 2):
            if not lacking(processes):
                continue
            bar.set_postfix_str(f"{processes} in peace")
            peace, times = in_peace(Run(Path(base) / "peace", processes, Path(base) / "cache"))
            for turn in itertools.count(len(lines)):
                if not lacking(processes):
                    break
                bar.update(whole - lacking(1).total() - lacking(2).total() - bar.n)
                unequal = sum(not line["equal"] for line in lines)
                bar.set_postfix_str(f"{processes} processes, {unequal} of {len(lines)} unequal")
                chance = random.Random(f"{values.seed} {processes} {turn}")
                run = Run(Path(base) / f"run_{processes}_{turn}", processes, Path(base) / "cache")
                found = killed(run, lacking(processes), times, chance, peace)
                with out.open("a") as file:
                    file.writelines(json.dumps({"seed": values.seed, **line}) + "\n" for line in found)
                lines += found
    return 1 if any(not line["equal"] for line in lines) else 0


if __name__ == "__main__":
    cli.run("kills", SUMMARY, USAGE, define, main)
