"""Devices: replicating a tree over them, taking it back, and how programs are compiled for them."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable

import jax
import jaxlib
import numpy as np

from dmljax import cache, pages
from dmljax.types import AXIS
from dmljax.workers import cores

# On a CPU, XLA interleaves operations that do not depend on each other, as those of the three branches, for
# many cores to share. On few cores a train step is slower for it, supposedly because arrays push each other
# out of the cache; inference is faster (benchmarks/README.md).
_INTERLEAVE = "xla_cpu_enable_concurrency_optimized_scheduler"
_KNOWN_TO = ("0.10",)  # versions of jaxlib that have the option; one that has not would end the process
_FEW_CORES = 4


def set_up_process(*, training: bool = False) -> None:
    """How programs are compiled and run from here on; call it before JAX looks for devices.

    On a CPU, memory that is freed is kept, see `pages`. XLA's persistent cache, so that a program is compiled
    once per machine; JAX_COMPILATION_CACHE_DIR moves it, and a caller who has set up JAX's cache keeps his.
    For `training` on few cores, operations one after another, unless XLA_FLAGS has said something about it.
    """
    pages.keep()
    if not jax.config.jax_compilation_cache_dir:  # JAX fills it from the environment
        if folder := cache.users():
            jax.config.update("jax_compilation_cache_dir", str(folder / "xla"))
            jax.config.update("jax_persistent_cache_min_compile_time_secs", 1.0)
    flags = os.environ.get("XLA_FLAGS", "")
    if (
        training
        and _INTERLEAVE not in flags
        and jaxlib.__version__.startswith(_KNOWN_TO)
        and cores() <= _FEW_CORES
    ):
        os.environ["XLA_FLAGS"] = f"{flags} --{_INTERLEAVE}=false".strip()


def once(function: Callable):
    """`jax.jit` of a function that runs once: for a CPU it is compiled in a quarter of the time.

    What it gives is the same to rounding. It is not for a function that is called within another program:
    JAX takes such options for the outermost one alone.
    """
    return jax.jit(function, compiler_options=_on_a_cpu({"xla_backend_optimization_level": 1}))


def predicting(function: Callable):
    """`jax.jit` of a network that only predicts: as fast in a process that has trained as in a fresh one.

    For the outermost function, as `once` is.
    """
    known = jaxlib.__version__.startswith(_KNOWN_TO)
    return jax.jit(function, compiler_options=_on_a_cpu({_INTERLEAVE: True} if known else None))


def _on_a_cpu(options: dict | None) -> dict | None:
    return options if jax.default_backend() == "cpu" else None


def replicate(tree, devices=None):
    """A copy of every leaf on each local device, or on the given ones: leaves [...] -> [devices, ...].

    It lies where the pmapped step leaves its results, so the step is traced once for the first call and all
    others.
    """
    chosen = None if devices is None else tuple(devices)
    return _copy(chosen)(np.arange(jax.local_device_count() if chosen is None else len(chosen)), tree)


@functools.cache
def _copy(devices: tuple | None):
    """The one program for these devices: JAX keeps what it compiled for every new one."""
    return jax.pmap(lambda _, x: x, axis_name=AXIS, in_axes=(0, None), out_axes=0, devices=devices)


def unreplicate(tree):
    """The first device's copy of every leaf, as NumPy arrays."""
    return jax.device_get(jax.tree.map(lambda x: x.addressable_shards[0].data[0], tree))
