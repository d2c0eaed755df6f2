"""Times the train and the evaluation step as a run uses them, on random images."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np

from dmljax.costs import sized
from dmljax.training.devices import once, replicate, set_up_process
from dmljax.types import AXIS, EXPRESSION, UserError
from dmljax.workers import cores

BATCHES = 4  # different ones, used in turn


class Prepared(NamedTuple):
    """A step that is compiled and warm.

    Attributes:
      run: k -> what step k, on batch k % BATCHES, will have returned; it is not waited for.
      lower: makes the step as XLA gets it, of which costs can be asked; one program with what `run` runs.
      facts: what it is, JSON-able.
    """

    run: Callable[[int], Any]
    lower: Callable[[], jax.stages.Lowered]
    facts: dict[str, object]


def measure(*, steps: int, trace: str = "", **step) -> dict[str, object]:
    """What was timed, the median of steps that are waited for one by one, and the mean of steps that are not.

    Args:
      steps: how many are timed, in each of the two ways.
      trace: folder for a profile, or ''.
      step: the arguments of `prepare`.

    Raises:
      UserError: no such device, a batch that does not divide, stages that are no numbers.
    """
    ready = prepare(**step)
    with jax.profiler.trace(trace) if trace else contextlib.nullcontext():
        return ready.facts | clock(ready.run, steps, step["batch"])


def prepare(*, device: str | None, warmup: int, **size) -> Prepared:
    """The step of a run on random images, compiled and run `warmup` times.

    Args:
      device: platform, or None for the best there is.
      size: the fields of `sized.Size`; stages may be text.

    Raises:
      UserError: no such device, a batch that does not divide, stages that are no numbers.
    """
    chosen = sized.size_of(**size)
    if device:
        jax.config.update("jax_platforms", {"gpu": "cuda"}.get(device, device))
    set_up_process(training=chosen.mode == sized.TRAIN)
    if device:
        try:
            jax.devices()
        # the latter for a platform that JAX knows and has no plug-in for
        except (RuntimeError, AssertionError):
            raise UserError(
                f"JAX finds no such device as {device} here; leave it out to use what there is",
                parameter="device",
            ) from None
    devices = jax.local_device_count()
    sized.check(chosen, devices)
    net = sized.network(chosen)
    started = time.perf_counter()
    variables = once(partial(sized.initial, net, chosen))()
    place = jax.pmap(lambda x: x, axis_name=AXIS)
    data = [place(sized.batch(k, chosen, devices)) for k in range(BATCHES)]
    lower, run = _ready(sized.step(net, chosen), variables, data)
    for k in range(warmup):
        jax.block_until_ready(run(k))
    facts = chosen.facts | {
        "program": f"dmljax jax {jax.__version__}",
        "device": jax.devices()[0].platform,
        "device_kind": jax.devices()[0].device_kind,
        "devices": devices,
        "cores": cores(),
        "params": sum(x.size for x in jax.tree.leaves(variables["params"])),
        "start_s": round(time.perf_counter() - started, 2),
    }
    return Prepared(run, lower, facts)


def clock(run: Callable[[int], Any], steps: int, batch: int) -> dict[str, float]:
    """Median seconds of `steps` steps waited for one by one, the mean of as many that are not, images/s of
    these.
    """
    single = []
    for k in range(steps):
        before = time.perf_counter()
        jax.block_until_ready(run(k))
        single.append(time.perf_counter() - before)
    before = time.perf_counter()
    for k in range(steps):
        last = run(k)
    jax.block_until_ready(last)
    pipelined = (time.perf_counter() - before) / steps
    return {
        "median_step_s": round(float(np.median(single)), 5),
        "pipelined_step_s": round(pipelined, 5),
        "images_per_s": round(batch / pipelined, 2),
    }


def _ready(step: sized.Step, variables: dict, data: list[dict]) -> tuple[Callable, Callable]:
    """(what lowers the mapped step, what runs it on a batch by its number)."""
    mapped = jax.pmap(step.function, axis_name=AXIS, donate_argnums=step.donated)
    held = replicate(step.begin(variables))

    def run(k: int):
        nonlocal held
        results = mapped(held, data[k % BATCHES])
        if not step.trains:
            return results[EXPRESSION]
        held, logs = results
        return logs

    return lambda: mapped.lower(held, data[0]), run
