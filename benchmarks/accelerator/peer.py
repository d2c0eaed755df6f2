"""The PyTorch program of a file, unchanged, in a process of its own: its `main` is called once a turn.

The file's command line: --mode --device --image --batch --width --stages --dtype --compile --steps --warmup;
it prints one JSON line with median_step_s, pipelined_step_s and images_per_s.
"""

from __future__ import annotations

import contextlib
import gc
import io
import json
import runpy
import sys
import time

TURN = ("median_step_s", "pipelined_step_s", "images_per_s", "peak_bytes")


class Peer:
    """One step of the program in `file`."""

    def __init__(self, *, file: str, compiled: bool):
        self._file, self._flags = file, ["--compile"] if compiled else []

    def prepare(self, *, warmup: int, **step) -> dict:
        """Compiles and warms up; what the step is, and how it computes."""
        import torch

        began = time.perf_counter()
        self._main = runpy.run_path(self._file, run_name="peer")["main"]
        for name, value in step.items():
            self._flags += [f"--{name}", str(value)]
        found = self._call(steps=1, warmup=warmup)
        return found | {
            "ready_s": round(time.perf_counter() - began, 1),
            "cudnn_benchmark": torch.backends.cudnn.benchmark,
            "tf32": torch.backends.cuda.matmul.allow_tf32 and torch.backends.cudnn.allow_tf32,
        }

    def turn(self, *, steps: int) -> dict:
        """One turn of the clock, and the most that the device's allocator gave out in it."""
        found = self._call(steps=steps, warmup=3)
        return {
            key: found[key] for key in ("median_step_s", "pipelined_step_s", "images_per_s", "peak_bytes")
        }

    def _call(self, *, steps: int, warmup: int) -> dict:
        import torch

        gc.collect()  # the network of the turn before
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        before, printed = sys.argv, io.StringIO()
        sys.argv = [self._file, *self._flags, "--steps", str(steps), "--warmup", str(warmup)]
        try:
            with contextlib.redirect_stdout(printed):
                self._main()
        finally:
            sys.argv = before
        peak = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None
        return json.loads(printed.getvalue().splitlines()[-1]) | {"peak_bytes": peak}
