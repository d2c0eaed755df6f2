"""Steps of this package in a process of their own: timed by `costs.timed`, their operations counted."""

from __future__ import annotations

import gzip
import importlib
import tempfile
import time
from pathlib import Path

from accelerator import ahead

TRIED = 3  # steps from which the length of a turn is chosen


class Ours:
    """One step; `prepare` first."""

    def load(self) -> None:
        """Imports what a step needs; the device is left alone."""
        importlib.import_module("dmljax.costs.timed")

    def prepare(self, *, warmup: int, stages: str, **size) -> dict:
        """Takes the program from XLA's cache, or compiles it, and warms up.

        Args:
          stages, size: the fields of `costs.sized.Size`; stages are text with commas.

        Returns:
          what the step is, the seconds of this start, programs that were in the cache, seconds of a step.
        """
        from dmljax.costs import timed

        self._batch, hits = size["batch"], ahead.cache_hits()
        began = time.perf_counter()
        self._ready = timed.prepare(device=None, warmup=warmup, stages=stages.split(","), **size)
        again = {"again_s": round(time.perf_counter() - began, 1), "from_cache": len(hits)}
        tried = timed.clock(self._ready.run, TRIED, self._batch)
        return self._ready.facts | again | {"median_step_s": tried["median_step_s"]}

    def turn(self, *, steps: int) -> dict:
        """One turn of the clock, and the most that the device's allocator has given out so far."""
        from dmljax.costs import timed

        return timed.clock(self._ready.run, steps, self._batch) | _peak()

    def profile(self, *, keep: str, steps: int) -> list[dict]:
        """Where the device's time goes in `steps` steps; see `kernels.summary`.

        Args:
          keep: folder for the trace and the compiled program's text, or empty.
        """
        import jax

        from accelerator import kernels

        with tempfile.TemporaryDirectory() as folder:
            with jax.profiler.trace(folder):
                for k in range(steps):
                    last = self._ready.run(k)
                jax.block_until_ready(last)
            trace = next(Path(folder).rglob("*.xplane.pb"))
            text = self._ready.lower().compile().as_text()
            if keep:
                Path(keep).mkdir(parents=True, exist_ok=True)
                (Path(keep) / "step.hlo.txt.gz").write_bytes(gzip.compress(text.encode()))
                (Path(keep) / "step.xplane.pb.gz").write_bytes(gzip.compress(trace.read_bytes()))
            return kernels.summary(trace, text, steps)


class Operations:
    """How many operations a step takes, wherever it runs."""

    def measure(self, *, mode: str, dtype: str, batch: int, image: int, width: int, stages: str) -> dict:
        """Operations of the program as written, by XLA's count for a CPU.

        Convolutions are asked for as such: on a GPU they become calls of a library, which XLA does not count.
        """
        import jax

        from dmljax.costs import compiled, sized

        size = sized.size_of(
            mode=mode,
            image=image,
            batch=batch,
            width=width,
            stages=stages.split(","),
            dtype=dtype,
            convolution="xla",
        )
        jax.config.update("jax_platforms", "cpu")
        return {"flops": compiled.lower(size, jax.devices()[:1]).cost_analysis()["flops"]}


def _peak() -> dict:
    import jax

    found = jax.local_devices()[0].memory_stats() or {}
    return {"peak_bytes": found.get("peak_bytes_in_use")}
