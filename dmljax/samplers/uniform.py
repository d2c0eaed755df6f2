"""Plain shuffled mini-batches: every training sample that has a label, once an epoch."""

from __future__ import annotations

import numpy as np

from dmljax.data import sampling
from dmljax.data.sampling import Sampler, Wanted
from dmljax.types import MISSING, Samples, UserError

NUMBER = 2  # of its random numbers


def build(samples: Samples, wanted: Wanted) -> Sampler:
    """Mini-batches of `wanted.batch_size` images; what does not fill one is left out of that epoch.

    Args:
      samples: the training samples.

    Raises:
      UserError: they have no label of expression or pose, or do not fill a step.
    """
    known = (samples.expression != MISSING) | (samples.pose != MISSING)
    if samples.angles is not None:
        known |= ~np.isnan(samples.angles).all(1)
    labelled = np.flatnonzero(known).astype(np.int32)
    if not len(labelled):
        raise UserError(
            f"{samples.name}: no training sample has an expression or a pose; give at least one of them"
        )
    size = wanted.batch_size
    sampling.check_enough(samples, len(labelled), wanted, size, "data.batch_size")
    count = len(labelled) // size

    def draw(epoch: int) -> np.ndarray:
        order = sampling.generator(wanted, epoch, NUMBER).permutation(labelled)
        return order[: count * size].reshape(count, size)

    return Sampler("uniform", size, 1, draw, f"{count * size:,} of {len(samples):,} samples, shuffled")
