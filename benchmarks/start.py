"""How long it takes until dmljax is imported, has printed its help, and has made a training's first step."""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from absl import flags
from dmljax.launch import cli

from dmljax.types import UserError

SUMMARY = "Times the import of dmljax, its help, and a training up to its first step."
USAGE = """\
    python benchmarks/start.py --out=benchmarks/start.jsonl [--repeats=5]

Each is a process of its own, in turns; the median counts. Of the import, what the bare interpreter takes is
left out. A training is that of the quick configuration, its faces drawn before; once with nothing compiled
before (cold) and once with all that the cold one compiled (warm).
"""
BARE, IMPORT, HELP = "python -c pass", "import dmljax", "dmljax --help"
COMMANDS = {BARE: ["-c", "pass"], IMPORT: ["-c", "import dmljax"], HELP: ["-m", "dmljax", "--help"]}
COLD, WARM = "first step, cold", "first step, warm"
TRAIN = ["-m", "dmljax", "train", "--config=quick", "--config.train.log_every=1 steps", "--noprogress"]
LATEST = 600  # seconds until a training must have made a step
OFTEN = 0.02  # seconds between two looks for it


def define(values) -> None:
    flags.DEFINE_integer("repeats", 5, "of each", lower_bound=1, flag_values=values)
    flags.DEFINE_string("out", "", "file for a JSON line each", flag_values=values)


def seconds(arguments: list[str]) -> float:
    """Wall time of one process."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def first_step(place: Path) -> float:
    """Seconds from a training's command to the line that its first step writes."""
    run = place / "run"
    shutil.rmtree(run, ignore_errors=True)
    variables = os.environ | {"JAX_COMPILATION_CACHE_DIR": str(place / "compiled")}
    began, log = time.perf_counter(), run / "train.jsonl"
    command = [sys.executable, *TRAIN, f"--run={run}"]
    with subprocess.Popen(command, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as train:
        while not (log.is_file() and log.stat().st_size):
            if train.poll() is not None:
                raise UserError(f"a training ended before its first step: {train.stderr.read().decode()}")
            if time.perf_counter() - began > LATEST:
                train.kill()
                raise UserError(f"a training made no step in {LATEST} s")
            time.sleep(OFTEN)
        taken = time.perf_counter() - began
        train.kill()
    return taken


def turn(place: Path) -> dict[str, float]:
    """Seconds of each."""
    taken = {name: seconds(command) for name, command in COMMANDS.items()}
    shutil.rmtree(place / "compiled", ignore_errors=True)
    return taken | {COLD: first_step(place), WARM: first_step(place)}


def run(values) -> None:
    with tempfile.TemporaryDirectory() as folder:
        first_step(Path(folder))  # the faces are drawn, and kept, here
        turns = [turn(Path(folder)) for _ in range(values.repeats)]
    for name in [IMPORT, HELP, COLD, WARM]:
        took = [each[name] - (each[BARE] if name == IMPORT else 0) for each in turns]
        line = {"start": name, "seconds": round(statistics.median(took), 3)}
        line |= {"least": round(min(took), 3), "most": round(max(took), 3), "repeats": values.repeats}
        print(json.dumps(line), flush=True)
        if values.out:
            with open(values.out, "a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    cli.run("benchmarks/start.py", SUMMARY, USAGE, define, run)
