"""TensorFlow's SavedModel: a folder with the signature 'serving_default', of TensorFlow's own operations."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from dmljax.exports.formats import _tensorflow
from dmljax.exports.source import INPUT, Source
from dmljax.inference.exported import METADATA

ENDING = ".savedmodel"
FOLDER = True  # what is written is no file
EXTRA, MODULES = "tensorflow", ("tensorflow",)
RUNTIME = "TensorFlow"
FLOAT32 = True  # other types of activations are not written
SIGNATURE = "serving_default"
BESIDE = "assets.extra"  # where TensorFlow lets others keep files


def write(path: Path, source: Source) -> None:
    """Writes the folder for any number of images."""
    import tensorflow as tf

    made = _tensorflow.module(source)
    tf.saved_model.save(made, str(path), signatures={SIGNATURE: made.predict})
    (path / BESIDE).mkdir()
    (path / BESIDE / METADATA).write_text(json.dumps(source.metadata, indent=1), encoding="utf-8")


def runtime(path: Path, source: Source) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    """What runs a folder: pixels uint8 [N, size, size, 3] -> outputs."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))
    call = loaded.signatures[SIGNATURE]

    def run(pixels: np.ndarray, _keep=loaded) -> dict[str, np.ndarray]:
        found = call(**{INPUT: tf.constant(pixels)})
        return {name: value.numpy() for name, value in found.items()}

    return run
