"""Devices that are not here, to compile for: TPUs by libtpu, NVIDIA's GPUs by JAX's CUDA plug-in."""

from __future__ import annotations

import importlib.util
import os
from typing import NamedTuple

import jax

from dmljax import extras
from dmljax.costs import chips
from dmljax.types import UserError

# What libtpu asks of a machine that it takes for a TPU's host; here are answers that need no network.
_NOWHERE = {
    "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
    "TPU_ACCELERATOR_TYPE": "v5litepod-4",
    "TPU_WORKER_HOSTNAMES": "localhost",
    "TPU_SKIP_MDS_QUERY": "1",
}
_PLUGINS = ("jax_plugins.xla_cuda13", "jax_plugins.xla_cuda12")


class Board(NamedTuple):
    """What the compiler asks of a GPU beside `chips.Chip`.

    Attributes:
      name: as its driver calls it.
      capability: major number of its instruction set.
      cores: multiprocessors.
      units: float32 units of a core.
      shared, shared_block: bytes of memory that threads of a core, and those of a block, can share.
      cache: bytes of the second level.
      clock: GHz.
    """

    name: str
    capability: int
    cores: int
    units: int
    shared: int
    shared_block: int
    cache: int
    clock: float


_HOPPER = (9, 132, 128, 233_472, 232_448, 52_428_800, 1.98)
BOARDS = {
    "a100": Board("NVIDIA A100-SXM4-80GB", 8, 108, 64, 167_936, 166_912, 41_943_040, 1.41),
    "h100": Board("NVIDIA H100 80GB HBM3", *_HOPPER),
    "h200": Board("NVIDIA H200", *_HOPPER),
}


def devices(where: chips.Slice) -> list[jax.Device]:
    """Devices to compile for; nothing can be run on them, and JAX sees no accelerator afterwards.

    Raises:
      UserError: no libtpu or no CUDA plug-in, or a shape that libtpu does not know.
    """
    from jax.experimental import topologies

    if where.name in chips.GPUS:
        if not any(_installed(name) for name in _PLUGINS):
            extras.require("cuda", _PLUGINS[-1], purpose="compiling for a GPU", parameter="compile_for")
        options = {
            "platform": "cuda",
            "target_config": described(where.name),
            "topology": f"1x1x{where.chips}",
        }
    else:
        extras.require("tpu", "libtpu", purpose="compiling for a TPU", parameter="compile_for")
        for key, value in _NOWHERE.items():
            os.environ.setdefault(key, value)
        x, y = where.shape[:2]
        host = min(x, 2), min(y, 2), 1  # chips of one host along each of three axes
        options = {"platform": "tpu", "topology_name": where.topology, "chips_per_host_bounds": host}
    jax.config.update("jax_platforms", "cpu")  # an accelerator of this machine, if any, is not needed
    try:
        return list(topologies.get_topology_desc(**options).devices)
    except (jax.errors.JaxRuntimeError, NotImplementedError, ValueError) as error:
        why = " ".join(str(error).split())
        raise UserError(f"JAX knows no {where.topology} ({why})", parameter="compile_for") from None


def _installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def described(name: str) -> str:
    """A GPU as XLA wants it told: the text of a `GpuTargetConfigProto`."""
    gpu, chip = BOARDS[name], chips.CHIPS[name]
    fields = {
        "threads_per_block_limit": 1024,
        "threads_per_warp": 32,
        "shared_memory_per_block": 49_152,
        "shared_memory_per_core": gpu.shared,
        "shared_memory_per_block_optin": gpu.shared_block,
        "threads_per_core_limit": 2048,
        "core_count": gpu.cores,
        "fpus_per_core": gpu.units,
        "block_dim_limit_x": 2**31 - 1,
        "block_dim_limit_y": 65_535,
        "block_dim_limit_z": 65_535,
        "memory_bandwidth": int(chip.bandwidth),
        "l2_cache_size": gpu.cache,
        "clock_rate_ghz": gpu.clock,
        "device_memory_size": int(chip.memory),
        "registers_per_core_limit": 65_536,
        "registers_per_block_limit": 65_536,
    }
    info = " ".join(f"{field}: {value}" for field, value in fields.items())
    return (
        f"gpu_device_info {{ {info} cuda_compute_capability {{ major: {gpu.capability} }} }}"
        ' platform_name: "CUDA" dnn_version_info { major: 9 minor: 10 }'
        f' runtime_version {{ major: 12 minor: 8 }} device_description_str: "{gpu.name}"'
    )
