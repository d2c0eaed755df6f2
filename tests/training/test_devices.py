"""Trees on devices."""

import gc
from pathlib import Path

import jax
import numpy as np
import pytest

from dmljax.training.devices import once, predicting, replicate, unreplicate

MEMORY = Path("/proc/self/statm")


def resident():
    """MiB of memory that this process has."""
    gc.collect()
    return int(MEMORY.read_text(encoding="ascii").split()[1]) * 4096 / 2**20


def test_a_tree_comes_back_from_the_devices():
    tree = {"weights": np.arange(6, dtype=np.float32).reshape(2, 3), "step": np.int32(7)}
    there = replicate(tree)
    assert there["weights"].shape == (jax.local_device_count(), 2, 3)
    assert jax.tree.all(jax.tree.map(np.array_equal, unreplicate(there), tree))
    assert replicate(tree, jax.local_devices()[:2])["step"].shape == (2,)


def test_what_runs_once_gives_what_is_compiled_with_care():
    def drawn(key):
        normal = jax.random.normal(key, (40, 33))
        return {"normal": normal, "rounded": jax.random.truncated_normal(key, -2, 2, (257,)) ** 3}

    one, other = once(drawn)(jax.random.key(3)), jax.jit(drawn)(jax.random.key(3))
    for name in one:
        np.testing.assert_allclose(one[name], other[name], rtol=1e-5, atol=1e-6, err_msg=name)


OPTIONS = {
    once: {"xla_backend_optimization_level": 1},
    predicting: {"xla_cpu_enable_concurrency_optimized_scheduler": True},
}


@pytest.mark.parametrize("made", OPTIONS)
def test_how_a_program_is_compiled_is_said_for_a_cpu_alone(made, monkeypatch):
    given = []
    monkeypatch.setattr(jax, "jit", lambda function, *, compiler_options: given.append(compiler_options))
    for platform in ("cpu", "tpu"):
        monkeypatch.setattr(jax, "default_backend", lambda platform=platform: platform)
        made(np.sin)
    assert given == [OPTIONS[made], None]


@pytest.mark.skipif(not MEMORY.exists(), reason="needs /proc")
def test_memory_does_not_grow_with_every_copy():
    """A program of its own for each took 2 MiB a time for a tree of this size."""
    tree = {f"layer{k}": np.ones((8, 8), np.float32) for k in range(60)}
    for _ in range(3):
        jax.block_until_ready(replicate(tree))
    before = resident()
    for _ in range(30):
        jax.block_until_ready(replicate(tree))
    assert resident() < before + 10
