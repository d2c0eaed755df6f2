"""Freed memory is kept for the next step: counted in page faults, in processes of their own."""

import ctypes
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import jax
import pytest

from dmljax import pages

STEPS = 10
COUNT = f"""
import resource, sys
from dmljax.training.devices import set_up_process
set_up_process(training=True)
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
print((faults() - before) // {STEPS})
"""


CONNECTED = """
import socket
with socket.socket() as free:
    free.bind(("localhost", 0))
    port = free.getsockname()[1]
from dmljax.runs import together
with together.connected(f"localhost:{port}", 1, 0):
"""
LARGE = Path("/sys/kernel/mm/transparent_hugepage/enabled")  # pages of 2 MiB for all, if it is so set
few_pages = LARGE.is_file() and "[always]" in LARGE.read_text()
needs_glibc = pytest.mark.skipif(
    few_pages or not hasattr(ctypes.CDLL(None), "mallopt"), reason="glibc's alone, and with pages of 4 KiB"
)


def _of_glibc(name):
    return name.startswith("MALLOC_") or name == "GLIBC_TUNABLES"


@pytest.fixture
def nothing_set(monkeypatch):
    for name in filter(_of_glibc, list(os.environ)):
        monkeypatch.delenv(name)


def counted(code=COUNT, **variables):
    """Page faults a step in a fresh process."""
    bare = {name: value for name, value in os.environ.items() if not _of_glibc(name)}
    found = subprocess.run(
        [sys.executable, "-c", code],
        env=bare | {"JAX_PLATFORMS": "cpu"} | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    return int(found.stdout)


@needs_glibc
def test_a_step_lies_where_the_last_one_lay():
    few, many = counted(), counted(MALLOC_CHECK_="0")
    assert many > 10_000, "an array of 64 MiB has 16,384 pages"
    assert few < many / 20


@needs_glibc
def test_so_it_does_in_one_of_several_processes():
    inside = textwrap.indent(COUNT.replace("set_up_process(training=True)", "pass"), "    ")
    assert counted(CONNECTED + inside) < 1_000


@needs_glibc
def test_a_command_keeps_before_jax_is_imported():
    code = """
    from dmljax import pages
    import sys
    pages.keep = lambda: print(int("jax" in sys.modules))
    from dmljax.launch import cli
    cli.run("try", "Nothing.", "", lambda values: None, lambda values: 0, [])
    """
    assert counted(textwrap.dedent(code)) == 0


@pytest.mark.parametrize(
    "variables", [{"MALLOC_ARENA_MAX": "4"}, {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}]
)
def test_who_has_set_glibc_is_left_alone(nothing_set, monkeypatch, variables):
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
def test_accelerators_are_left_alone(nothing_set, monkeypatch, platforms, plugged, libtpu, here):
    set_to = []

    class Library:
        gnu_get_libc_version = None

        def mallopt(self, number, value):
            set_to.append((number, value))
            return 1

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
def test_a_system_without_glibc(nothing_set, monkeypatch, library):
    def loaded(name):
        if library is None:
            raise OSError("no such library")
        return library

    monkeypatch.setattr(pages, "_computes_here", lambda: True)
    monkeypatch.setattr(pages.ctypes, "CDLL", loaded)
    assert not pages.keep()
