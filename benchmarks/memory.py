"""How much memory a training takes while it runs: it should not grow with the steps.

    python benchmarks/memory.py --steps=10000 > benchmarks/memory.jsonl

A small network on the quick set, with a validation an epoch (every few steps), checkpoints, and conflicts of
the gradients: whatever a run does again and again. The run is a process of its own; its memory is read once a
second beside the step that its log has reached. Linux only (/proc).
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SMALL = [
    "--config.dataset.synthetic.identities=8",
    "--config.split.validation=0.3",
    "--config.data.image_size=24",
    "--config.backbone.resnet.width=4",
    "--config.backbone.resnet.stages=(1,)",
    "--config.model.fused=8",
    "--config.model.embedding=8",
    "--config.model.hidden=8",
    "--config.train.log_every=10 steps",
    "--config.train.save_every=50 steps",
    "--config.train.conflicts_every=20 steps",
]
PARTS = 10  # points in time that are printed


def resident(process: int) -> float:
    """MiB of memory that a process has."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def reached(log: Path) -> int:
    """The last step in a log, 0 where there is none."""
    try:
        with open(log, "rb") as file:
            file.seek(max(0, log.stat().st_size - 4000))
            return json.loads(file.read().splitlines()[-1])["step"]
    except (OSError, ValueError, IndexError):  # not begun, or in the middle of a line
        return 0


def measure(steps: int, folder: Path) -> list[tuple[int, float]]:
    """(step, MiB) a second."""
    program = "from dmljax.launch.cli import main; main()"
    command = [sys.executable, "-c", program, "train", "--config=quick", "--noprogress", f"--run={folder}"]
    process = subprocess.Popen(
        [*command, *SMALL, f"--config.train.duration={steps} steps"], stdout=subprocess.DEVNULL
    )
    found = []
    try:
        while process.poll() is None:
            time.sleep(1)
            step = reached(folder / "train.jsonl")
            if step and process.poll() is None:
                found.append((step, resident(process.pid)))
    finally:
        process.kill()
    if process.wait():
        sys.exit(f"the training failed with exit code {process.returncode}")
    return found


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--steps", type=int, default=2000)
    steps = options.parse_args().steps
    with tempfile.TemporaryDirectory() as folder:
        found = measure(steps, Path(folder) / "run")
    later = [(step, size) for step, size in found if step >= steps / PARTS]  # after everything was compiled
    for part in range(1, PARTS + 1):
        within = [size for step, size in later if step <= part * steps / PARTS]
        if within:
            print(json.dumps({"step": part * steps // PARTS, "mib": round(within[-1], 1)}), flush=True)
    (first, before), (last, after) = later[0], later[-1]
    growth = 1000 * (after - before) / max(last - first, 1)
    print(json.dumps({"steps": steps, "mib_per_1000_steps": round(growth, 2)}))


if __name__ == "__main__":
    main()
