"""ONNX, written from the JAX program; onnxruntime runs it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from dmljax.exports.graph import onnx_target, walk
from dmljax.exports.source import INPUT, Source

ENDING = ".onnx"
EXTRA, MODULES = "export", ("onnx", "onnxruntime")
RUNTIME = "onnxruntime"
FLOAT32 = True  # other types of activations are not written
METADATA = "dmljax"  # name of the property with what the file says of itself


def write(path: Path, source: Source) -> None:
    """Writes the model for any number of images."""
    target, size = onnx_target.Target(), source.model.image_size
    outputs = walk.write(source.function, size, target)
    made = target.model(outputs, source.outputs, size, {METADATA: json.dumps(source.metadata)})
    path.write_bytes(made.SerializeToString())


def runtime(path: Path, source: Source) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    """What runs a file: pixels uint8 [N, size, size, 3] -> outputs."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda pixels: dict(zip(names, session.run(names, {INPUT: pixels})))
