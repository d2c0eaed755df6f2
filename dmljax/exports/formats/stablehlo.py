"""StableHLO by jax.export: one program for CPU, CUDA and TPU, which `dmljax.load` reads back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
from jax import export

from dmljax.exports.source import Source
from dmljax.inference import exported

ENDING = ".stablehlo"
EXTRA, MODULES = "", ()
RUNTIME = "jax.export"
PLATFORMS = ("cpu", "cuda", "tpu")


def write(path: Path, source: Source) -> None:
    """Writes the program for any number of images, and behind it what belongs to it."""
    (images,) = export.symbolic_shape("n")
    size = source.model.image_size
    shape = jax.ShapeDtypeStruct((images, size, size, 3), np.uint8)
    program = export.export(jax.jit(source.function), platforms=PLATFORMS)(shape)
    path.write_bytes(exported.packed(bytes(program.serialize()), source.metadata))


def runtime(path: Path, source: Source) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    """What runs a file: pixels uint8 [N, size, size, 3] -> outputs."""
    call = jax.jit(export.deserialize(bytearray(exported.unpacked(path)[0])).call)
    return lambda pixels: jax.device_get(call(pixels))
