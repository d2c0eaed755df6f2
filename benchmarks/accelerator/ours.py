"""Steps of this package in a process of their own: timed by `costs.timed`, their costs asked of XLA."""

from __future__ import annotations

import gzip
import tempfile
import time
from pathlib import Path


class Ours:
    """One step; `prepare` first."""

    def __init__(self, *, remat: bool = False):
        self._remat = remat

    def prepare(self, *, mode: str, dtype: str, batch: int, image: int, width: int, stages: str, warmup: int):
        """Compiles and warms up; what the step is, costs and holds."""
        from dmljax.costs import timed

        self._batch = batch
        began = time.perf_counter()
        self._ready = timed.prepare(
            mode=mode,
            device=None,
            image=image,
            batch=batch,
            width=width,
            stages=stages.split(","),
            dtype=dtype,
            warmup=warmup,
            remat=self._remat,
        )
        ready = time.perf_counter() - began
        return self._ready.facts | {"ready_s": round(ready, 1)} | costs(self._ready.lower())

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


def costs(lowered) -> dict:
    """Bytes that a step moves by XLA's count, and the memory that its program asks for.

    A count that a platform's compiler does not give is left out; for operations see `Operations`.
    """
    compiled = lowered.compile()
    found = {}
    counts = _or_none(compiled.cost_analysis) or {}
    counts = counts[0] if isinstance(counts, list) else counts
    if "bytes accessed" in counts:
        found["bytes_compiled"] = counts["bytes accessed"]
    memory = _or_none(compiled.memory_analysis)
    if memory is not None:
        held = memory.argument_size_in_bytes + memory.output_size_in_bytes - memory.alias_size_in_bytes
        found |= {
            "temporary_bytes": memory.temp_size_in_bytes,
            "program_bytes": held + memory.temp_size_in_bytes,
        }
    return found


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


def _or_none(ask):
    try:
        return ask()
    except (RuntimeError, NotImplementedError, AttributeError):  # XlaRuntimeError is the first
        return None


def _peak() -> dict:
    import jax

    found = jax.local_devices()[0].memory_stats() or {}
    return {"peak_bytes": found.get("peak_bytes_in_use")}
