"""Programs compiled side by side before any is timed, by processes that hold no activations and then end."""

from __future__ import annotations

import time
from functools import partial

from accelerator.process import Failed, Process

CACHE_HITS = "/jax/compilation_cache/cache_hits"


class Ahead:
    """The programs of a group; one that several items need is compiled once.

    They come to lie in XLA's cache, from which the processes that time them take them. So no program holds
    memory while others are timed. While they are compiled all fit into 80 GB: arrays are shapes alone, and
    XLA tries the kernels of one operation at a time, which took 4 GiB in `infer-f32-120`, the most that was
    seen. JAX's allocator grows by doubling: 8 GiB for each of the larger four, 3 to 4 of the smaller three,
    0.6 a process for the driver, and 12 for the step that PyTorch compiles by running it: some 60.
    """

    def __init__(self):
        self._processes: dict[tuple, Process] = {}
        self._found: dict[tuple, dict | Failed] = {}

    def ask(self, **program) -> None:
        """Begins to compile; see `Compiler.compile` for what there is to say."""
        if _key(program) not in self._processes:
            self._processes[_key(program)] = process = Process(Compiler)
            process.ask("compile", **program)

    def found(self, until: float, **program) -> dict:
        """What there is to know of a program that was asked for.

        Raises:
          Failed: it could not be compiled by `until`.
        """
        key = _key(program)
        if key not in self._found:
            try:
                self._found[key] = self._processes[key].answer(until)
            except Failed as error:
                self._found[key] = error
            self._processes[key].close()
        if isinstance(found := self._found[key], Failed):
            raise found
        return found

    def close(self) -> None:
        """Ends what still compiles."""
        for key, process in self._processes.items():
            if key not in self._found:
                process.close()


def _key(program: dict) -> tuple:
    return tuple(sorted(program.items()))


class Compiler:
    """Compiles the step that `costs.timed` runs, and what makes its first variables."""

    def compile(self, *, stages: str, **size) -> dict:
        """Seconds until it was compiled, whether it was there before, what it costs.

        Args:
          stages, size: the fields of `costs.sized.Size`; stages are text with commas.
        """
        import jax

        from dmljax.costs import sized
        from dmljax.training.devices import once, set_up_process
        from dmljax.types import AXIS

        chosen = sized.size_of(stages=stages.split(","), **size)
        set_up_process(training=chosen.mode == sized.TRAIN)
        devices = jax.local_device_count()
        sized.check(chosen, devices)
        began = time.perf_counter()
        net = sized.network(chosen)
        first = partial(sized.initial, net, chosen)
        once(first).lower().compile()
        step = sized.step(net, chosen)
        each = lambda x: jax.ShapeDtypeStruct((devices, *x.shape), x.dtype)
        held = jax.tree.map(each, jax.eval_shape(step.begin, jax.eval_shape(first)))
        # mapped as `timed` does it: else the cache would not know it again
        mapped = jax.pmap(step.function, axis_name=AXIS, donate_argnums=step.donated)
        hits = cache_hits()
        compiled = mapped.lower(held, sized.shapes(chosen, devices)).compile()
        found = {"ready_s": round(time.perf_counter() - began, 1), "was_cached": bool(hits)}
        return found | costs(compiled)


def cache_hits() -> list[str]:
    """Grows by one with every program that this process takes from XLA's cache from here on."""
    from jax import monitoring

    found: list[str] = []
    monitoring.register_event_listener(
        lambda event, **_: found.append(event) if event == CACHE_HITS else None
    )
    return found


def costs(compiled) -> dict:
    """Bytes that a step moves by XLA's count, and the memory that its program asks for.

    A count that a platform's compiler does not give is left out; for operations see `ours.Operations`.
    """
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


def _or_none(ask):
    try:
        return ask()
    except (RuntimeError, NotImplementedError, AttributeError):  # XlaRuntimeError is the first
        return None
