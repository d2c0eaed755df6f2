"""Steps beside PyTorch's on a CPU, in turns, each with memory kept and as glibc leaves it."""

import json
import os
import subprocess
import sys

from absl import flags
from dmljax.launch import cli

from dmljax.types import UserError

SUMMARY = "Times train and inference steps in turns with a PyTorch program of the same network."
USAGE = """\
    python benchmarks/pairs.py --torch=PYTHON --peer=torch_dmlnet.py --out=benchmarks/pairs.jsonl
    python benchmarks/pairs.py --torch=PYTHON --peer=torch_dmlnet.py --sizes=small --modes=train --rounds=4

PYTHON is the interpreter of an environment with PyTorch. The peer has the same flags as dmljax benchmark. A
line for each turn, which is a process of its own; ratios of one round can be quoted.
"""
SIZES = {
    "small": ["--image=64", "--batch=15", "--width=16", "--stages=2,2,2,2", "--steps=30", "--warmup=5"],
    "whole": ["--image=224", "--batch=15", "--width=64", "--stages=3,4,6,3", "--steps=5", "--warmup=2"],
}
OURS = [sys.executable, "-c", "from dmljax.launch.cli import main; main()", "benchmark"]
# glibc's own default, said so that nothing else is: then a process keeps what glibc keeps
LEFT = {"MALLOC_ARENA_MAX": str(8 * (os.cpu_count() or 1))}
# what dmljax.pages sets, for the peer
KEPT = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(2**40),
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_TOP_PAD_": str(64 * 2**20),
}


def define(values) -> None:
    flags.DEFINE_string("torch", "", "interpreter with PyTorch", flag_values=values)
    flags.DEFINE_string("peer", "", "the PyTorch program", flag_values=values)
    flags.DEFINE_list("sizes", list(SIZES), f"of {', '.join(SIZES)}", flag_values=values)
    flags.DEFINE_list("modes", ["train", "infer"], "steps", flag_values=values)
    flags.DEFINE_integer("rounds", 3, "of turns", lower_bound=1, flag_values=values)
    flags.DEFINE_string("out", "", "file for a JSON line a turn", flag_values=values)


def programs(values) -> dict[str, tuple[list[str], dict[str, str]]]:
    """name -> (command without sizes, variables)."""
    peer = [values.torch, values.peer]
    return {
        "dmljax": (OURS, {}),
        "dmljax, memory as glibc leaves it": (OURS, LEFT),
        "torch": (peer, {}),
        "torch, memory kept": (peer, KEPT),
    }


def timed(command: list[str], variables: dict[str, str]) -> dict:
    """What a turn prints."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    done = subprocess.run(command, env=bare | variables, capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"{' '.join(command)}: {(done.stderr.strip().splitlines() or ['failed'])[-1]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def run(values) -> None:
    if not values.torch or not values.peer:
        raise UserError("give the interpreter and the program", parameter="peer" if values.torch else "torch")
    if unknown := [size for size in values.sizes if size not in SIZES]:
        raise UserError(f"must be of {', '.join(SIZES)}; got '{unknown[0]}'", parameter="sizes")
    for size in values.sizes:
        for mode in values.modes:
            for turn in range(values.rounds):
                for name, (command, variables) in programs(values).items():
                    found = timed([*command, f"--mode={mode}", "--device=cpu", *SIZES[size]], variables)
                    line = {"size": size, "mode": mode, "round": turn, "program": name}
                    line |= {key: found[key] for key in ("median_step_s", "pipelined_step_s")}
                    print(json.dumps(line), flush=True)
                    if values.out:
                        with open(values.out, "a", encoding="utf-8") as file:
                            file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    cli.run("benchmarks/pairs.py", SUMMARY, USAGE, define, run)
