"""What a training of many images takes before its first step, and in memory: it should not grow with them."""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from absl import flags
from dmljax.launch import cli

from dmljax.types import UserError

SUMMARY = "Prepares sets of 5,000 to 500,000 images of 16 pixels and trains on each, read from disk."
USAGE = """\
    python benchmarks/rows/rows.py --out=benchmarks/rows/rows.jsonl
    python benchmarks/rows/rows.py --rows=1000,5000 --steps=5

Each training is a process of its own, whose memory is read four times a second. Linux only (/proc).
"""
HERE = Path(__file__).parent
NETWORK = [
    "--config.data.image_size=16",
    "--config.backbone.resnet.width=4",
    "--config.backbone.resnet.stages=(1,)",
    "--config.model.fused=8",
    "--config.model.embedding=8",
    "--config.model.hidden=8",
]
SET = [f"--plugins={HERE}", "--config=quick", "--config.dataset.name=tiny", "--noprogress"]
DMLJAX = [sys.executable, "-c", "from dmljax.launch.cli import main; main()"]


def define(values) -> None:
    sizes = ["5000", "50000", "500000"]
    flags.DEFINE_list("rows", sizes, "images of the sets", flag_values=values)
    flags.DEFINE_integer("steps", 200, "of each training", lower_bound=2, flag_values=values)
    flags.DEFINE_string("out", "", "file for a JSON line a set", flag_values=values)


def memory(process: int) -> float:
    """MiB that a process holds; 0 of one that has ended."""
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * 4096 / 2**20
    except (OSError, IndexError):
        return 0.0


def prepared(rows: int, place: Path) -> float:
    """Seconds to write the set."""
    begin = time.perf_counter()
    size = [f"--config.dataset.tiny.rows={rows}", "--config.data.image_size=16"]
    where = [f"--out={place / 'set'}", f"--source={place}", "--formats=array_record", "--per_shard=8192"]
    done = subprocess.run([*DMLJAX, "prepare", *SET, *size, *where], capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"the set of {rows} images was not made: {done.stderr.strip()}")
    return time.perf_counter() - begin


def trained(rows: int, place: Path, steps: int) -> dict:
    """Seconds to the first step, memory then, and the most."""
    run = place / "run"
    command = [*DMLJAX, "train", *SET, *NETWORK, f"--config.dataset.root={place / 'set'}", f"--run={run}"]
    more = [
        f"--config.dataset.tiny.rows={rows}",
        "--config.data.feed=tfdata",
        f"--config.train.duration={steps} steps",
        "--config.train.log_every=1 steps",
    ]
    begin, held, first = time.perf_counter(), [], {}
    with subprocess.Popen([*command, *more], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        while process.poll() is None:
            held.append(memory(process.pid))
            log = run / "train.jsonl"
            if not first and log.is_file() and log.stat().st_size:
                first = {"first_step_s": time.perf_counter() - begin, "first_step_mib": held[-1]}
            time.sleep(0.25)
        said = process.stderr.read().decode()
    if process.returncode:
        raise UserError(f"the training on {rows} images failed: {said.strip()}")
    return first | {"most_mib": max(held)}


def run(values) -> None:
    try:
        sizes = [int(text) for text in values.rows]
    except ValueError:
        sizes = []
    if not sizes or min(sizes) < 100:
        said = ",".join(values.rows)
        raise UserError(f"must be whole numbers of at least 100; got '{said}'", parameter="rows")
    for rows in sizes:
        with tempfile.TemporaryDirectory() as folder:
            line = {"rows": rows, "prepare_s": prepared(rows, Path(folder))}
            line |= trained(rows, Path(folder), values.steps)
        text = json.dumps({key: round(value, 1) for key, value in line.items()})
        print(text, flush=True)
        if values.out:
            with open(values.out, "a", encoding="utf-8") as file:
                file.write(text + "\n")


if __name__ == "__main__":
    cli.run("benchmarks/rows/rows.py", SUMMARY, USAGE, define, run)
