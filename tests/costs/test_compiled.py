"""Steps compiled for devices by their shapes alone; for TPUs and GPUs where their compilers are installed."""

import importlib.util
import json
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dmljax.costs import chips, collectives, compiled, sized, targets
from dmljax.costs.traffic import Moved
from dmljax.training.devices import replicate
from dmljax.types import AXIS, UserError

SMALL = {"image": 24, "width": 4, "stages": ("1",), "dtype": "f32"}
NEEDS_CUDA = pytest.mark.skipif(
    not any(targets._installed(name) for name in targets._PLUGINS), reason="JAX's CUDA plug-in compiles"
)
NEEDS_LIBTPU = pytest.mark.skipif(importlib.util.find_spec("libtpu") is None, reason="libtpu compiles")


@jax.numpy_dtype_promotion("standard")  # which optax's schedules want
@pytest.mark.parametrize("mode", [pytest.param("train", marks=pytest.mark.slow), "infer"])
def test_the_step_is_the_one_that_a_run_maps(mode):
    """The compiled program gives what the pmapped step gives."""
    devices = jax.devices()[:2]
    size = sized.size_of(mode=mode, batch=10, **SMALL)
    net = sized.network(size)
    step = sized.step(net, size)
    batch = sized.batch(3, size, 2)
    variables = jax.jit(lambda: sized.initial(net, size))()
    mapped = jax.pmap(step.function, axis_name=AXIS, devices=devices)
    expected = mapped(replicate(step.begin(variables), devices), batch)
    held = jax.tree.map(lambda x: np.broadcast_to(x, (2, *np.shape(x))), step.begin(variables))
    program = compiled.lower(size, devices).compile()
    places = program.input_shardings[0]
    found = program(*jax.tree.map(jax.device_put, (held, batch), tuple(places)))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), found, expected)


def test_what_is_said_of_a_step(monkeypatch):
    """The counts are XLA's, the bounds arithmetic; BatchNorm's collectives stand by themselves."""
    counts = {"flops": 394e9, "bytes accessed": 7e9}
    memory = SimpleNamespace(
        argument_size_in_bytes=3 * 2**30,
        output_size_in_bytes=2 * 2**30,
        alias_size_in_bytes=1.5 * 2**30,
        temp_size_in_bytes=4 * 2**30,
        generated_code_size_in_bytes=2**27,
    )
    program = SimpleNamespace(
        cost_analysis=lambda: counts, memory_analysis=lambda: memory, as_text=lambda: "text"
    )
    asked = [
        collectives.Collective("all-reduce", 4_000_000, 4, "trunk/face/norm1/psum"),
        collectives.Collective("all-reduce", 1_000_000, 4, "trunk/embedding_norm/psum"),
        collectives.Collective("all-reduce", 95_000_000, 4, "optimizer/global_norm/psum"),
    ]
    monkeypatch.setattr(compiled, "collectives", lambda text, devices: asked)
    moved = {"fusion": Moved(3, 638_000_000), "copy": Moved(1, 1_000_000_000)}
    monkeypatch.setattr(compiled, "traffic", lambda text: moved)
    where, size = chips.slice_of("v5e:2x2"), sized.size_of(mode="train", batch=20, **SMALL)
    said = compiled.report(program, where, compiled.operations(program, size, 4))
    assert said == {
        "gflop": 394,
        "gb_accessed": 7,
        "gb_moved": 1.638,
        "gib_held": {"arguments": 3, "results": 0.5, "temporary": 4, "program": 0.125, "of": 16},
        "collectives": {
            "all-reduce, BatchNorm": {"number": 2, "mb": 5},
            "all-reduce": {"number": 1, "mb": 95},
        },
        # 394 / 197 000, 1.638 / 819, 1.5 x 0.1 / 200
        "estimate_ms": {"operations": 2, "memory": 2, "links": 0.75},
        "longest": "operations",
    }
    json.dumps(said)


@pytest.mark.parametrize(
    "text",
    [
        "RESOURCE_EXHAUSTED: Ran out of memory on HBM, the total memory required for HLO temporaries (58.06G)"
        " exceeds available HBM (15.75G).",
        "RESOURCE_EXHAUSTED: Ran out of memory in memory space hbm. Used 58.06G of 15.75G hbm. Exceeded.",
    ],
)
def test_a_step_that_does_not_fit_is_told_with_its_numbers(monkeypatch, text):
    def full():
        raise jax.errors.JaxRuntimeError(text)

    monkeypatch.setattr(targets, "devices", lambda where: [])
    monkeypatch.setattr(compiled, "lower", lambda *_: SimpleNamespace(compile=full))
    with pytest.raises(UserError, match="25 images a chip needs 58.06GiB of memory, and v5e has 15.75GiB"):
        compiled.compile_for("v5e:2x2", mode="train", batch=100, **SMALL)


def test_a_batch_that_does_not_divide():
    with pytest.raises(UserError, match="a multiple of 80, got 60; devices share it by whole five-tuples"):
        compiled.compile_for("v5e:4x4", mode="train", batch=60, **SMALL)


@NEEDS_LIBTPU
@pytest.mark.slow
@pytest.mark.parametrize("name", ["v5e:1x1", "v6e:4x4", "v5p:2x2x2"])
def test_compiled_for_tpus(name):
    where = chips.slice_of(name)
    said = compiled.compile_for(name, mode="infer", batch=2 * where.chips, **SMALL)
    assert said["for"] == name and 0 < said["gflop"] < 1 and 0 < said["gb_moved"] < 1
    assert said["collectives"] == {} and said["gib_held"]["arguments"] > 0


@NEEDS_CUDA
@pytest.mark.slow
def test_compiled_for_gpus():
    said = compiled.compile_for("h100:4", mode="infer", batch=8, **SMALL)
    assert said["for"] == "h100:4" and said["gb_accessed"] is None and said["collectives"] == {}
    assert 0 < said["gflop"] < 1 and 0 < said["gb_moved"] < 1 and said["gib_held"]["of"] == 79.11


@jax.numpy_dtype_promotion("standard")
def test_operations_that_xla_does_not_count():
    """One device's share: half of what one device alone would do for the batch, parameters apart."""
    silent = SimpleNamespace(cost_analysis=lambda: None)
    count = lambda batch, devices: compiled.operations(
        silent, sized.size_of(mode="infer", batch=batch, **SMALL | {"dtype": "bf16"}), devices
    )
    alone, share = count(16, 1), count(16, 2)
    assert share == count(8, 1) and alone / 2.1 < share < alone / 1.9


def test_a_step_that_a_gpu_cannot_hold(monkeypatch):
    """XLA compiles it all the same; the numbers are compared here."""
    memory = SimpleNamespace(
        argument_size_in_bytes=60 * 2**30,
        output_size_in_bytes=50 * 2**30,
        alias_size_in_bytes=50 * 2**30,
        temp_size_in_bytes=30 * 2**30,
        generated_code_size_in_bytes=0,
    )
    program = SimpleNamespace(
        cost_analysis=lambda: None, memory_analysis=lambda: memory, as_text=lambda: "\nENTRY"
    )
    monkeypatch.setattr(targets, "devices", lambda where: [])
    monkeypatch.setattr(compiled, "lower", lambda *_: SimpleNamespace(compile=lambda: program))
    monkeypatch.setattr(compiled, "operations", lambda *_: 1e9)
    with pytest.raises(UserError, match="10 images a chip needs 90.00GiB of memory, and h100 has 79.11GiB"):
        compiled.compile_for("h100:8", mode="train", batch=80, **SMALL)
    assert compiled.compile_for("h200:8", mode="train", batch=80, **SMALL)["gib_held"]["temporary"] == 30


def test_a_gpu_as_it_is_told():
    told = targets.described("a100")
    assert "core_count: 108 " in told and "device_memory_size: 85100068864 " in told and "major: 8 }" in told
    assert targets.BOARDS.keys() == set(chips.GPUS)


@NEEDS_LIBTPU
def test_a_slice_that_libtpu_does_not_know():
    with pytest.raises(UserError, match="JAX knows no v5e:3x5"):
        compiled.compile_for("v5e:3x5", mode="infer", batch=15, **SMALL)


def test_a_batch_lies_in_its_shapes():
    size = sized.size_of(mode="train", batch=20, **SMALL)
    for key, array in sized.batch(0, size, 2).items():
        assert (array.shape, array.dtype) == (
            sized.shapes(size, 2)[key].shape,
            sized.shapes(size, 2)[key].dtype,
        )
    assert jnp.issubdtype(sized.batch(0, size, 2)["image"].dtype, jnp.uint8)
