"""The resident feed: the whole set as one uint8 array in memory; needs no TensorFlow.

Where the set fits on the device, it lies there once and only sample indices move per step; otherwise it stays
in host memory and uint8 batches move.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dmljax.data.memory import check, free
from dmljax.data.reading import read_all
from dmljax.types import IMAGE, INDEX, Samples, UserError

MEMORIES = ("device", "host")


class ResidentFeed:
    """The whole set as arrays in memory, of the device or of the host.

    Attributes:
      samples: those that could be read.
      table: what belongs on every device, name -> array; empty in host memory.
    """

    def __init__(self, samples: Samples, *, image_size: int, memory: str = "device", progress: bool = True):
        if memory not in MEMORIES:
            raise UserError(f"data.memory must be device or host, got '{memory}'")
        check(
            samples,
            image_size,
            free(),
            where="of memory",
            instead="set data.feed=tfdata, which reads images as they are needed, or data.image_size lower",
        )
        self.samples, images = read_all(samples, image_size, progress=progress)
        assert images is not None  # kept by default
        self._content = {IMAGE: images} | self.samples.labels
        self.table = self._content if memory == "device" else {}

    def batches(self, order: np.ndarray) -> Iterator[dict[str, np.ndarray]]:
        """One batch per row of `order` (sample indices, int32 [steps, ...]; negative: padding)."""
        for index in order:
            if self.table:
                yield {INDEX: index}
            else:
                yield {INDEX: index, **{key: column[index] for key, column in self._content.items()}}
