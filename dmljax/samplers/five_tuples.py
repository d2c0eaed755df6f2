"""Five-tuples (Algorithm 1 of the paper): mini-batches in which every anchor has its four companions."""

from __future__ import annotations

import numpy as np

from dmljax.data import order
from dmljax.data.sampling import Sampler, Wanted
from dmljax.types import TUPLE_SIZE, Samples


def build(samples: Samples, wanted: Wanted) -> Sampler:
    """Mini-batches of `wanted.tuples_per_step` five-tuples, whole ones one after another.

    Args:
      samples: the training samples.

    Raises:
      UserError: they form fewer five-tuples than a step takes; with the condition that failed.
    """
    everyone, count = np.arange(len(samples)), wanted.tuples_per_step

    def tuples(epoch: int) -> tuple:
        return order.epoch_tuples(
            samples, everyone, seed=wanted.seed, epoch=epoch, leftovers=wanted.leftovers
        )

    first, report = tuples(0)

    def draw(epoch: int) -> np.ndarray:
        drawn = tuples(epoch)[0] if epoch else first  # which is asked for again before a training begins
        return drawn[: len(drawn) // count * count].reshape(-1, count * TUPLE_SIZE)

    how = {name: getattr(wanted, name) for name in ("tuples_per_step", "accumulate", "leftovers")}
    order.check_tuples(samples, everyone, first, report, **how)
    return Sampler("five_tuples", count * TUPLE_SIZE, TUPLE_SIZE, draw, str(report), "data.tuples_per_step")
