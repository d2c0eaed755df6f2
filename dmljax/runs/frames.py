"""Frames a second of trained networks, one image at a time, the networks in turns."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import jax
import numpy as np

from dmljax.runs.trained import open_run

FRAMES, ROUNDS = 20, 9


def per_second(runs: dict[str, Path], *, progress: bool = True) -> dict[str, float]:
    """name -> frames a second, the median of the rounds, each of several frames that are waited for one by
    one.

    A frame is a uint8 image on the host, as a camera gives it; what comes back are the logits.

    Raises:
      UserError: a folder holds no run that can be read.
    """
    ready = {}
    for name, run in runs.items():
        opened = open_run(run, progress=progress)
        size = opened.config.data.image_size
        images = np.random.default_rng(0).integers(0, 256, (FRAMES, 1, size, size, 3)).astype(np.uint8)
        call = jax.jit(partial(opened.net.apply, train=False))
        variables = jax.device_put(opened.variables)
        jax.block_until_ready(call(variables, images[0]))
        ready[name] = partial(_round, call, variables, images)
    took = {name: [] for name in ready}
    for _ in range(ROUNDS):
        for name, one in ready.items():
            took[name].append(one())
    return {name: FRAMES / float(np.median(seconds)) for name, seconds in took.items()}


def _round(call, variables, images) -> float:
    before = time.perf_counter()
    for image in images:
        found = call(variables, image)
        jax.device_get((found.expression_logits, found.pose_logits))
    return time.perf_counter() - before
