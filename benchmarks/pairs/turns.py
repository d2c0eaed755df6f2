"""Our steps, epochs and evaluations beside PyTorch's of the same network, on a CPU: one of each in turns."""

import json
import os
import signal
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
from absl import flags
from dmljax.launch import cli

from dmljax.report.tables import markdown
from dmljax.types import UserError

SUMMARY = "Times steps, epochs and evaluations in turns with a PyTorch program of the same network."
USAGE = """\
    python benchmarks/pairs/turns.py --torch=PYTHON --peer=torch_dmlnet.py --out=benchmarks/pairs/turns.jsonl
    python benchmarks/pairs/turns.py --torch=PYTHON --peer=torch_dmlnet.py --sizes=small --modes=epoch

PYTHON is the interpreter of an environment with PyTorch. The peer has the flags --mode, --device, --image,
--batch, --width, --stages, --steps, --warmup and --compile, and times its steps by time.perf_counter; for
epochs and evaluations torch_epochs.py takes its network and losses. Both programs stay in memory and do a
turn each, so that a machine that slows down slows both; the one that waits is stopped by a signal, which
Windows does not have. An epoch goes over rendered faces, with all that a training does besides, its
checkpoint too, ours where the loss has fallen and PyTorch's always; an evaluation goes over --images faces.
"""
SIZES = {
    "small": {"image": 64, "batch": 15, "width": 16, "stages": "2,2,2,2"},
    "whole": {"image": 224, "batch": 15, "width": 64, "stages": "3,4,6,3"},
}
STEPS = ("train", "infer")
EPOCH, EVALUATE = "epoch", "evaluate"
MODES = (*STEPS, EPOCH, EVALUATE)
OF_EPOCH = {"small": 980, "whole": 210}  # images, whole rendered people of 35
FOREVER = 10**9
# what dmljax.pages sets, for a program that does not
KEPT = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(2**40),
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_TOP_PAD_": str(64 * 2**20),
}
# glibc's own default, said so that nothing else is
LEFT = {"MALLOC_ARENA_MAX": str(8 * (os.cpu_count() or 1))}
PEERS = {
    "PyTorch, eager": ([], {}),
    "PyTorch, eager, memory kept": ([], KEPT),
    "PyTorch, compiled": (["--compile"], {}),
    "PyTorch, compiled, memory kept": (["--compile"], KEPT),
}
NOT_KEPT = "dmljax, memory as glibc leaves it"
HERE = Path(__file__).parent
HEAD = ["size", "turn", "beside", "dmljax, s", "that, s", "ratio", "ratios, quarter to three quarters"]


class Side:
    """A program that does a turn for a line."""

    def __init__(self, command: list, variables: dict[str, str]):
        bare = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
        self._process = subprocess.Popen(
            command, env=bare | variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self):
        self._answer()
        self._process.send_signal(signal.SIGSTOP)
        return self

    def __exit__(self, *_):
        self._process.send_signal(signal.SIGCONT)
        self._process.stdin.close()
        self._process.wait()

    def turn(self) -> float:
        """Seconds of the next one."""
        self._process.send_signal(signal.SIGCONT)
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        taken = float(self._answer())
        self._process.send_signal(signal.SIGSTOP)  # OpenMP's threads wait by spinning, on the other's core
        return taken

    def _answer(self) -> str:
        if line := self._process.stdout.readline():
            return line
        raise UserError(f"'{self._process.args[1]}' has ended, see above")


def define(values) -> None:
    flags.DEFINE_string("torch", None, "interpreter with PyTorch", required=True, flag_values=values)
    flags.DEFINE_string("peer", None, "the PyTorch program", required=True, flag_values=values)
    flags.DEFINE_multi_enum("sizes", list(SIZES), list(SIZES), "sizes of the network", flag_values=values)
    flags.DEFINE_multi_enum("modes", list(STEPS), list(MODES), "what a turn is", flag_values=values)
    beside = [*PEERS, NOT_KEPT]
    flags.DEFINE_multi_enum("beside", beside, beside, "what our step is timed beside", flag_values=values)
    flags.DEFINE_integer("turns", 20, "timed turns of each", lower_bound=1, flag_values=values)
    flags.DEFINE_integer("warmup", 2, "turns before them", lower_bound=1, flag_values=values)
    flags.DEFINE_integer("images", 1000, "of an evaluation", lower_bound=1, flag_values=values)
    flags.DEFINE_string("out", "", "file for a JSON line a pair", flag_values=values)


def paired(values, size: str, mode: str, beside: str) -> dict:
    """Seconds of the turns of both."""
    with ours(values, size, mode, {}) as one, the_other(values, size, mode, beside) as other:
        for side in (one, other):
            side.turn()  # in its first one the peer compiles and warms up
        times = np.array([[one.turn(), other.turn()] for _ in range(values.turns)])
    return {
        "size": size,
        "mode": mode,
        "beside": beside,
        **({} if mode in STEPS else {"images": images(values, size, mode)}),
        "ours_s": np.round(times[:, 0], 5).tolist(),
        "theirs_s": np.round(times[:, 1], 5).tolist(),
        "jax": version("jax"),
    }


def ours(values, size: str, mode: str, variables: dict[str, str]) -> Side:
    options = SIZES[size] | {"mode": mode, "warmup": values.warmup}
    if mode not in STEPS:
        options["images"] = images(values, size, mode)
    return Side([sys.executable, HERE / "ours.py", json.dumps(options)], variables)


def images(values, size: str, mode: str) -> int:
    return OF_EPOCH[size] if mode == EPOCH else values.images


def the_other(values, size: str, mode: str, beside: str) -> Side:
    if beside == NOT_KEPT:
        return ours(values, size, mode, LEFT)
    given, variables = PEERS[beside]
    options = {"mode": mode, "device": "cpu", "steps": FOREVER, "warmup": values.warmup} | SIZES[size]
    program = [values.peer]
    if mode not in STEPS:
        options["images"] = images(values, size, mode)
        program = [HERE / "torch_epochs.py", values.peer]
    asked = [f"--{name}={value}" for name, value in options.items()]
    return Side([values.torch, HERE / "theirs.py", *program, *asked, *given], variables)


def row(line: dict) -> list[str]:
    times = np.array([line["ours_s"], line["theirs_s"]])
    low, middle, high = np.quantile(times[0] / times[1], [0.25, 0.5, 0.75])
    times = [f"{seconds:.3f}" for seconds in np.median(times, 1)]
    return [line["size"], line["mode"], line["beside"], *times, f"{middle:.2f}", f"{low:.2f} to {high:.2f}"]


def run(values) -> None:
    lines = []
    for size in values.sizes:
        for mode in values.modes:
            for beside in values.beside:
                lines.append(paired(values, size, mode, beside))
                print(" | ".join(row(lines[-1])), flush=True)
                if values.out:
                    with open(values.out, "a", encoding="utf-8") as file:
                        file.write(json.dumps(lines[-1]) + "\n")
    print(markdown([HEAD, *map(row, lines)]))


if __name__ == "__main__":
    cli.run("benchmarks/pairs/turns.py", SUMMARY, USAGE, define, run)
