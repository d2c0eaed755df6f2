"""Predictions of a network for chosen samples of a feed, every sample once."""

from __future__ import annotations

from functools import partial

import jax
import numpy as np

from dmljax.data import order
from dmljax.training.devices import replicate
from dmljax.training.step import TABLE, eval_step
from dmljax.types import AXIS, INDEX


class Predictor:
    """Runs the evaluation step over a feed; compiled once for all calls. `flip`: means over each image and
    its mirror image, for a set whose poses all have one.
    """

    def __init__(self, net, feed, *, per_device: int = 32, flip: bool = False):
        self._feed, self._per_device = feed, per_device
        self._step = jax.pmap(
            partial(eval_step, apply=net.apply, mirror=feed.samples.pose_mirror if flip else None),
            axis_name=AXIS,
        )
        self._table = {TABLE: replicate(feed.table)} if feed.table else {}

    def __call__(self, variables: dict, indices: np.ndarray) -> dict[str, np.ndarray]:
        """Outputs for the samples `indices` [R], in that order.

        Args:
          variables: {'params', 'batch_stats'}, not replicated.

        Returns:
          'index' int32 [R] and float32 'embedding' [R, E], 'fused' [R, F] and, as far as there are heads,
          logits 'expression' and 'pose' [R, classes], and 'angles' [R, 3] in degrees.
        """
        rows = order.every_sample_once(
            np.asarray(indices, np.int32),
            per_device=self._per_device,
            process=0,
            processes=1,
            local_devices=jax.local_device_count(),
        )
        everywhere, found = replicate(variables), []
        for batch in self._feed.batches(rows):
            out = self._step(everywhere, batch | self._table)
            found.append(
                {key: np.concatenate([s.data[0] for s in _local(value)]) for key, value in out.items()}
            )
        joined = {key: np.concatenate([part[key] for part in found]) for key in found[0]}
        real = joined[INDEX] >= 0
        return {key: value[real] for key, value in joined.items()}


def _local(array: jax.Array):
    return sorted(array.addressable_shards, key=lambda shard: shard.index[0].start or 0)
