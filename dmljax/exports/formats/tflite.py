"""TensorFlow Lite by TensorFlow's converter; its interpreter, LiteRT, runs it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from dmljax.exports.formats import _tensorflow
from dmljax.exports.source import INPUT, Source
from dmljax.inference import exported

ENDING = ".tflite"
EXTRA, MODULES = "tensorflow", ("tensorflow",)
RUNTIME = "TensorFlow Lite"
FLOAT32 = True  # other types of activations are not written


def write(path: Path, source: Source) -> None:
    """Writes the model for any number of images, and behind it what belongs to it."""
    import tensorflow as tf

    made = _tensorflow.module(source)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([made.predict.get_concrete_function()], made)
    path.write_bytes(exported.packed(converter.convert(), source.metadata))


def runtime(path: Path, source: Source) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    """What runs a file: pixels uint8 [N, size, size, 3] -> outputs."""
    import tensorflow as tf

    with warnings.catch_warnings():
        # the interpreter is to move into a package of its own, which runs the same files
        warnings.filterwarnings("ignore", message="(?s).*tf.lite.Interpreter is deprecated")
        run = tf.lite.Interpreter(model_path=str(path)).get_signature_runner()
    return lambda pixels: run(**{INPUT: pixels})
