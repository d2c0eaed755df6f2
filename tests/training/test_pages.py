"""Freed memory is kept for the next step: counted in page faults, in processes of their own."""

import ctypes
import os
import subprocess
import sys

import jax
import pytest

from dmljax.training import pages

STEPS = 10
COUNT = f"""
import resource, sys
from dmljax.training import pages
kept = pages.keep()
import jax, jax.numpy as jnp

@jax.jit
def step(x):  # [4096, 32]; twice an array of 64 MiB, as long as it runs
    y = x @ x.T
    return (jnp.tanh(y @ x) @ x.T).max()

x = jnp.linspace(-1, 1, 4096 * 32).reshape(4096, 32)
for _ in range(3):
    step(x).block_until_ready()
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
before = faults()
for _ in range({STEPS}):
    step(x).block_until_ready()
print(kept, (faults() - before) // {STEPS})
"""


def counted(**variables):
    """(whether memory is kept, page faults a step) of a fresh process."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    found = subprocess.run(
        [sys.executable, "-c", COUNT],
        env=bare | {"JAX_PLATFORMS": "cpu"} | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    kept, faults = found.stdout.split()
    return kept == "True", int(faults)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="glibc's alone")
def test_a_step_lies_where_the_last_one_lay():
    kept, few = counted()
    left, many = counted(MALLOC_CHECK_="0")
    assert kept and not left
    assert many > 10_000, "an array of 64 MiB has 16,384 pages"
    assert few < many / 20


@pytest.mark.parametrize(
    "variables", [{"MALLOC_ARENA_MAX": "4"}, {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}]
)
def test_who_has_set_glibc_is_left_alone(monkeypatch, variables):
    asked = []
    monkeypatch.setattr(pages.ctypes, "CDLL", asked.append)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert not pages.keep() and asked == []


@pytest.mark.parametrize(
    ("platforms", "plugged", "libtpu", "here"),
    [
        ("cpu", True, True, True),
        ("cuda", False, False, False),
        ("cuda,cpu", False, False, False),
        (None, False, False, True),
        (None, True, False, False),
        (None, False, True, False),
    ],
)
def test_accelerators_are_left_alone(monkeypatch, platforms, plugged, libtpu, here):
    set_to = []

    class Library:
        gnu_get_libc_version = None

        def mallopt(self, number, value):
            set_to.append((number, value))
            return 1

    for name in [name for name in os.environ if name.startswith("MALLOC_") or name == "GLIBC_TUNABLES"]:
        monkeypatch.delenv(name)
    before = jax.config.jax_platforms
    monkeypatch.setattr(pages.ctypes, "CDLL", lambda name: Library())
    monkeypatch.setattr(
        pages.importlib.metadata,
        "entry_points",
        lambda group: ["cuda"] * (plugged and group == "jax_plugins"),
    )
    monkeypatch.setattr(pages.importlib.util, "find_spec", lambda name: libtpu and name == "libtpu" or None)
    jax.config.update("jax_platforms", platforms)
    try:
        assert pages.keep() == here
    finally:
        jax.config.update("jax_platforms", before)
    assert len(set_to) == (4 if here else 0)


@pytest.mark.parametrize("library", [object(), None])
def test_a_system_without_glibc(monkeypatch, library):
    def loaded(name):
        if library is None:
            raise OSError("no such library")
        return library

    for name in [name for name in os.environ if name.startswith("MALLOC_") or name == "GLIBC_TUNABLES"]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(pages, "_computes_here", lambda: True)
    monkeypatch.setattr(pages.ctypes, "CDLL", loaded)
    assert not pages.keep()
