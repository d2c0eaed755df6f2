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
from dmljax.data.images import load
from dmljax.data.reading import read_all
from dmljax.types import IMAGE, INDEX, Samples, UserError
from dmljax.workers import cores


class TFDataFeed:
    """Images read from disk by tf.data while the device computes.

    Attributes:
      samples: those that can be read.
      table: empty; everything moves with the batch.
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

        failed: list[str] = []

        def images(row: np.ndarray) -> np.ndarray:
            pixels = np.empty((rows, size, size, 3), np.uint8)
            for k, index in enumerate(row):
                try:
                    pixels[k] = load(samples, int(index), size)
                except ValueError as error:
                    failed.append(f"'{samples.references[index]}' {error}")
                    raise
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
        labels = samples.labels
        # the data first: drained, it ends at once
        for pixels, index in zip(self._told(data.as_numpy_iterator(), failed), order):
            images_of = pixels.reshape(index.shape + (size, size, 3))
            yield {INDEX: index, IMAGE: images_of} | {key: column[index] for key, column in labels.items()}

    def _told(self, batches: Iterator[np.ndarray], failed: list[str]) -> Iterator[np.ndarray]:
        """The batches; an image that could be read once and no longer can is an error of one line."""
        try:
            yield from batches
        except self._tf.errors.OpError as error:
            what = failed[0] if failed else str(error).splitlines()[0]
            raise UserError(
                f"{self.samples.name}: {what}; it could be read when the set was opened: bring it back, or"
                " start again without it"
            ) from None
