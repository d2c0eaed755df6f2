"""Times the train and the evaluation step as a run uses them, on random images."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dmljax.backbones import resnet
from dmljax.data.order import check_divides
from dmljax.models.dmlnet import DMLNet
from dmljax.training import objective, optimizer, state
from dmljax.training.devices import replicate, set_up_compiler
from dmljax.training.step import SEED, Program, eval_step, train_step
from dmljax.types import AXIS, EXPRESSION, IDENTITY, IMAGE, INDEX, POSE, TUPLE_SIZE, UserError
from dmljax.weightings import dwa
from dmljax.workers import cores

CLASSES = {EXPRESSION: 7, POSE: 5, IDENTITY: 20}
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


def prepare(
    *,
    mode: str,
    device: str | None,
    image: int,
    batch: int,
    width: int,
    stages,
    dtype: str,
    warmup: int,
    convolution: str = "auto",
    remat: bool = False,
) -> Prepared:
    """The step of a run on random images, compiled and run `warmup` times.

    Raises:
      UserError: no such device, a batch that does not divide, stages that are no numbers.
    """
    set_up_compiler(training=mode == "train")
    try:
        stages = tuple(int(s) for s in stages)
    except ValueError:
        raise UserError(
            f"must be whole numbers such as 3,4,6,3; got '{','.join(stages)}'", parameter="stages"
        ) from None
    if device:
        try:
            jax.config.update("jax_platforms", {"gpu": "cuda"}.get(device, device))
            jax.devices()
        # the latter for a platform that JAX knows and has no plug-in for
        except (RuntimeError, AssertionError):
            raise UserError(
                f"JAX finds no such device as {device} here; leave it out to use what there is",
                parameter="device",
            ) from None
    devices = jax.local_device_count()
    if batch % (devices * (TUPLE_SIZE if mode == "train" else 1)):
        if mode == "train":
            check_divides(batch, devices, together=TUPLE_SIZE, field="data.tuples_per_step")
        raise UserError(
            f"must be a multiple of {devices * (TUPLE_SIZE if mode == 'train' else 1)}, got {batch}",
            parameter="batch",
        )
    kind = {"f32": jnp.float32, "bf16": jnp.bfloat16}[dtype]
    net = DMLNet(
        partial(
            resnet.build,
            width=width,
            stages=stages,
            axis_name=AXIS,
            dtype=kind,
            convolution=convolution,
            remat=remat,
        ),
        CLASSES[EXPRESSION],
        CLASSES[POSE],
        dtype=kind,
    )
    started = time.perf_counter()
    variables = jax.jit(partial(net.init, train=False))(jax.random.key(0), jnp.zeros((1, image, image, 3)))
    data = [replicate_rows(_batch(k, batch, image), devices) for k in range(BATCHES)]
    lower, run = (_trainer if mode == "train" else _predictor)(net, variables, data)
    for k in range(warmup):
        jax.block_until_ready(run(k))
    facts = {
        "program": f"dmljax jax {jax.__version__}",
        "mode": mode,
        "device": jax.devices()[0].platform,
        "device_kind": jax.devices()[0].device_kind,
        "devices": devices,
        "cores": cores(),
        "image": image,
        "batch": batch,
        "width": width,
        "stages": ",".join(map(str, stages)),
        "dtype": dtype,
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


def _batch(seed: int, batch: int, image: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = {key: rng.integers(0, n, batch).astype(np.int32) for key, n in CLASSES.items()}
    return {
        INDEX: np.arange(batch, dtype=np.int32),
        IMAGE: rng.integers(0, 256, (batch, image, image, 3)).astype(np.uint8),
        **labels,
    }


def replicate_rows(batch: dict, devices: int) -> dict:
    """A batch [N, ...] on the devices as [devices, 1, N / devices, ...]."""
    split = jax.tree.map(lambda x: x.reshape((devices, 1, -1) + x.shape[1:]), batch)
    return jax.pmap(lambda x: x, axis_name=AXIS)(split)


def _trainer(net, variables, data):
    terms = objective.terms(objective.Options(anchors="all"))
    active = lambda step: jnp.ones(len(terms), bool)
    program = Program(
        net.apply,
        terms,
        (1.0,) * len(terms),
        dwa(),
        optimizer.build(learning_rate=1e-3),
        active,
        mirror=(),
    )
    step = jax.pmap(partial(train_step, program=program, axis_name=AXIS), axis_name=AXIS, donate_argnums=0)
    held = replicate(state.create(variables, program.optimizer, program.weighting, tuple(terms)))
    seed = {SEED: replicate(np.uint32(0))}

    def run(k: int):
        nonlocal held
        held, logs = step(held, data[k % BATCHES] | seed)
        return logs

    return lambda: step.lower(held, data[0] | seed), run


def _predictor(net, variables, data):
    step = jax.pmap(partial(eval_step, apply=net.apply), axis_name=AXIS)
    everywhere = replicate(variables)
    return lambda: step.lower(everywhere, data[0]), lambda k: step(everywhere, data[k % BATCHES])[EXPRESSION]
