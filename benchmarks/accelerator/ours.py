"""Steps of this package in a process of their own: timed by `runs.speed`, their costs asked of XLA."""

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
        from dmljax.runs import speed

        self._batch = batch
        began = time.perf_counter()
        self._ready = speed.prepare(
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
        return self._ready.facts | {"ready_s": round(ready, 1)} | costs(self._ready.lowered)

    def turn(self, *, steps: int) -> dict:
        """One turn of the clock, and the most that the device's allocator has given out so far."""
        from dmljax.runs import speed

        return speed.clock(self._ready.run, steps, self._batch) | _peak()

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
            text = self._ready.lowered.compile().as_text()
            if keep:
                Path(keep).mkdir(parents=True, exist_ok=True)
                (Path(keep) / "step.hlo.txt.gz").write_bytes(gzip.compress(text.encode()))
                (Path(keep) / "step.xplane.pb.gz").write_bytes(gzip.compress(trace.read_bytes()))
            return kernels.summary(trace, text, steps)


def costs(lowered) -> dict:
    """Operations and bytes of a step by XLA's count, and the memory that its program asks for.

    'flops' are those of the program as written; once it is compiled, convolutions may be calls of a library,
    which XLA does not count. A count that a platform's compiler does not give is left out.
    """
    compiled = lowered.compile()
    found = {}
    for names, ask in (
        ({"flops": "flops", "bytes accessed": "bytes_written_program"}, lowered.cost_analysis),
        ({"bytes accessed": "bytes_compiled"}, compiled.cost_analysis),
    ):
        counts = _or_none(ask) or {}
        counts = counts[0] if isinstance(counts, list) else counts
        found |= {name: counts[key] for key, name in names.items() if key in counts}
    memory = _or_none(compiled.memory_analysis)
    if memory is not None:
        held = memory.argument_size_in_bytes + memory.output_size_in_bytes - memory.alias_size_in_bytes
        found |= {
            "temporary_bytes": memory.temp_size_in_bytes,
            "program_bytes": held + memory.temp_size_in_bytes,
        }
    return found


def _or_none(ask):
    try:
        return ask()
    except (RuntimeError, NotImplementedError, AttributeError):  # XlaRuntimeError is the first
        return None


def _peak() -> dict:
    import jax

    found = jax.local_devices()[0].memory_stats() or {}
    return {"peak_bytes": found.get("peak_bytes_in_use")}
