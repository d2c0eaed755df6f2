"""The PyTorch program of a file, unchanged, in a process of its own: its `main` is called once a turn.

The file's command line: --mode --device --image --batch --width --stages --dtype --compile --steps --warmup;
it prints one JSON line with median_step_s, pipelined_step_s and images_per_s.
"""

from __future__ import annotations

import contextlib
import gc
import importlib.util
import io
import json
import sys
import time

TURN = ("median_step_s", "pipelined_step_s", "images_per_s", "peak_bytes")
TRIED = 5  # steps from which the length of a turn is chosen


class Peer:
    """One step of the program in `file`; `load` first, then `prepare`."""

    def __init__(self, *, file: str, compiled: bool):
        self._file, self._flags = file, ["--compile"] if compiled else []

    def load(self) -> None:
        """Imports the program and PyTorch; the device is left alone."""
        began = time.perf_counter()
        spec = importlib.util.spec_from_file_location("peer_program", self._file)
        sys.modules[spec.name] = module = importlib.util.module_from_spec(spec)  # torch.compile looks there
        spec.loader.exec_module(module)
        self._main, self._loading_s = module.main, time.perf_counter() - began

    def prepare(self, *, warmup: int, **step) -> dict:
        """Compiles and warms up; what the step is, and how it computes."""
        import torch

        began = time.perf_counter()
        for name, value in step.items():
            self._flags += [f"--{name}", str(value)]
        found = self._call(steps=TRIED, warmup=warmup)
        return found | {
            "ready_s": round(self._loading_s + time.perf_counter() - began, 1),
            "cudnn_benchmark": torch.backends.cudnn.benchmark,
            "float32_matmul_precision": torch.get_float32_matmul_precision(),
        }

    def turn(self, *, steps: int) -> dict:
        """One turn of the clock, and the most that the device's allocator gave out in it."""
        found = self._call(steps=steps, warmup=3)
        return {key: found[key] for key in TURN}

    def _call(self, *, steps: int, warmup: int) -> dict:
        import torch

        cuda, before, printed = torch.cuda.is_available(), sys.argv, io.StringIO()
        sys.argv = [self._file, *self._flags, "--steps", str(steps), "--warmup", str(warmup)]
        try:
            if cuda:
                torch.cuda.reset_peak_memory_stats()
            with contextlib.redirect_stdout(printed):
                self._main()
            peak = torch.cuda.max_memory_allocated() if cuda else None
        finally:
            sys.argv = before
            gc.collect()
            if cuda:
                torch.cuda.empty_cache()  # room for the other programs
        return json.loads(printed.getvalue().splitlines()[-1]) | {"peak_bytes": peak}
