"""The JAX program as a function of TensorFlow's own operations, for the formats of TensorFlow.

jax2tf would put one operation around a program of XLA instead. Of TensorFlow 2.21, its converter for
TensorFlow Lite cannot write that for any number of images (vhlo.dynamic_gather), and a SavedModel of it is
compiled anew for every number of images.
"""

from __future__ import annotations

from typing import Any

from dmljax.exports.graph import tf_target, walk
from dmljax.exports.source import INPUT, Source


def module(source: Source) -> Any:
    """A tf.Module whose function `predict` takes uint8 [N, size, size, 3] and returns the outputs by name."""
    import tensorflow as tf

    size = source.model.image_size

    def predict(images):
        return walk.write(source.function, size, tf_target.Target(images))

    made = tf.Module()
    spec = tf.TensorSpec((None, size, size, 3), tf.uint8, name=INPUT)
    made.predict = tf.function(predict, autograph=False, input_signature=[spec])
    return made
