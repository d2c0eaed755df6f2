"""The tf.data feed: images are read from disk as they are needed; for sets larger than memory.

The order of the samples is not tf.data's: it comes as an array of indices, so this feed gives the same
samples in the same order as the resident one. Decoding, cropping and resizing run in parallel on the host in
`images.load`; uint8 crosses to the device, and augmentation (a stateless function of seed, step and row) and
standardisation run there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np

from dmljax import extras
from dmljax.data.images import load, read_all
from dmljax.types import EXPRESSION, IDENTITY, IMAGE, INDEX, POSE, Samples
from dmljax.workers import cores


class TFDataFeed:
    """Batches of images that are read from disk when they are needed, by tf.data.

    Attributes:
      samples: those that can be read.
      table: empty: everything moves with the batch.
    """

    table: dict = {}

    def __init__(self, samples: Samples, *, image_size: int, memory: str = "device", progress: bool = True):
        del memory  # nothing is kept: images stay on disk
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # no greetings in the user's terminal
        extras.require(
            "tensorflow", "tensorflow", purpose="data.feed=tfdata", instead="set data.feed=resident"
        )
        import tensorflow as tf

        tf.config.set_visible_devices([], "GPU")  # the accelerators belong to JAX
        self._tf, self._size = tf, image_size
        self.samples, _ = read_all(samples, image_size, keep=False, progress=progress)

    def batches(self, order: np.ndarray) -> Iterator[dict[str, np.ndarray]]:
        """One batch per row of `order` (sample indices, int32 [steps, ...]; negative: padding)."""
        tf, samples, size = self._tf, self.samples, self._size
        if not len(order):
            return

        def images(row: np.ndarray) -> np.ndarray:
            pixels = np.empty((rows, size, size, 3), np.uint8)
            for k, index in enumerate(row):
                pixels[k] = load(samples, int(index), size)
            return pixels

        def batch(row):
            return tf.ensure_shape(tf.numpy_function(images, [row], tf.uint8), (rows, size, size, 3))

        # A batch is one call and one thread's work: less passing between TensorFlow and Python, and enough
        # batches at a time for all cores. AUTOTUNE halves the rate now and then; it does not see that
        # decoding leaves Python's lock.
        rows = int(np.prod(order.shape[1:]))
        data = tf.data.Dataset.from_tensor_slices(
            np.where(order < 0, 0, order).reshape(len(order), rows).astype(np.int32)
        )
        data = data.map(batch, num_parallel_calls=cores() + 1, deterministic=True).prefetch(2)
        options = tf.data.Options()
        # nothing is left to tune, and its thread holds up the end of every epoch
        options.autotune.enabled = False
        data = data.with_options(options)
        labels = {EXPRESSION: samples.expression, POSE: samples.pose, IDENTITY: samples.identity}
        for pixels, index in zip(data.as_numpy_iterator(), order):  # the data first: drained, it ends at once
            images_of = pixels.reshape(index.shape + (size, size, 3))
            yield {INDEX: index, IMAGE: images_of} | {key: column[index] for key, column in labels.items()}
