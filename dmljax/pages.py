"""Pages of memory: on a CPU the arrays of a step lie where those of the step before lay."""

from __future__ import annotations

import ctypes
import importlib.metadata
import importlib.util
import os
import sys

# Parameters of glibc's mallopt, as malloc.h numbers them, and what they are set to.
_PARAMETERS = {
    "M_MMAP_MAX": (-4, 0),  # no block is mapped by itself: it would be given back as soon as it is freed
    "M_TRIM_THRESHOLD": (-1, -1),  # never give memory back
    "M_ARENA_MAX": (-8, 1),  # threads share the heap: in heaps of their own large blocks are mapped still
    "M_TOP_PAD": (-2, 64 * 2**20),  # bytes that the heap grows by beside what is asked for
}


def keep() -> bool:
    """Has glibc keep what is freed for what is allocated next; whether it was told to.

    XLA takes the arrays of a step from malloc and gives them back after it. From large blocks glibc makes
    mappings of their own, so each step begins with pages that the system maps and clears one by one: up to
    half of a training step's time. Kept, the process stays as large as it ever was. It works in full where no
    other thread has allocated yet; those that have keep heaps of their own.

    Left alone are accelerators, whose arrays lie elsewhere, systems without glibc, and who has set a variable
    of glibc's own: MALLOC_ARENA_MAX and its like, or glibc.malloc in GLIBC_TUNABLES.
    """
    if _is_set() or not _computes_here():
        return False
    try:
        library = ctypes.CDLL(None)
        library.gnu_get_libc_version  # noqa: B018  (others' mallopt may number its parameters otherwise)
        return all(library.mallopt(number, value) for number, value in _PARAMETERS.values())
    except (OSError, AttributeError, TypeError):
        return False


def _is_set() -> bool:
    tuned = "glibc.malloc" in os.environ.get("GLIBC_TUNABLES", "")
    return tuned or any(name.startswith("MALLOC_") for name in os.environ)


def _computes_here() -> bool:
    """Whether JAX will compute on the CPU: it was told to, or nothing of an accelerator is installed."""
    jax = sys.modules.get("jax")  # which reads the variable when it is imported, and is slow to import
    if asked := jax.config.jax_platforms if jax else os.environ.get("JAX_PLATFORMS", ""):
        return asked.split(",")[0] == "cpu"
    plugged = importlib.metadata.entry_points(group="jax_plugins")
    return not plugged and importlib.util.find_spec("libtpu") is None
