"""Class-balanced mini-batches: every class of a label as often as any other, scarce ones repeated."""

from __future__ import annotations

import numpy as np

from dmljax.data import sampling
from dmljax.data.sampling import Sampler, Stream, Wanted
from dmljax.types import Samples

NUMBER = 3  # of its random numbers


def build(samples: Samples, wanted: Wanted, *, label: str = "expression") -> Sampler:
    """An epoch has as many images as there are with the label; each class has the same share, within one.

    Images of a scarce class come several times an epoch, some of a frequent one not at all; over the epochs
    all come. Images without the label are never drawn.

    Args:
      samples: the training samples.
      label: whose classes are balanced: expression, pose or identity.

    Raises:
      UserError: fewer than two classes, or too few images for a step.
    """
    classes = sampling.classes_of(samples, label, "sampler.balanced.label")
    size, known = wanted.batch_size, sum(map(len, classes))
    sampling.check_enough(samples, known, wanted, size, "data.batch_size")
    count = known // size

    def draw(epoch: int) -> np.ndarray:
        rng = sampling.generator(wanted, epoch, NUMBER)
        rounds = -(-count * size // len(classes))
        turns = np.concatenate([rng.permutation(len(classes)) for _ in range(rounds)])[: count * size]
        order = np.empty(count * size, np.int32)
        for k, members in enumerate(classes):
            stream, places = Stream(members, rng), np.flatnonzero(turns == k)
            for first in range(0, len(places), len(members)):
                some = places[first : first + len(members)]
                order[some] = stream.take(len(some))
        return order.reshape(count, size)

    told = f"{count * size:,} draws of {known:,} samples, {len(classes)} classes of {label} alike"
    return Sampler("balanced", size, 1, draw, told)
