"""What the labels allow: five-tuples, or plain shuffled mini-batches where not one can be formed."""

from __future__ import annotations

import numpy as np

from dmljax.data import order
from dmljax.data.sampling import Sampler, Wanted
from dmljax.samplers import five_tuples, uniform
from dmljax.types import Samples


def build(samples: Samples, wanted: Wanted) -> Sampler:
    """The sampler `five_tuples` where the training samples form any, else `uniform`.

    Args:
      samples: the training samples.

    Raises:
      UserError: as of the one that is taken.
    """
    everyone = np.arange(len(samples))
    few = order.alone(samples, everyone)
    if few:
        reason = f"the training samples have {order.classes_in_words(few)}"
    else:
        tuples, report = order.epoch_tuples(samples, everyone, seed=wanted.seed, epoch=0, leftovers=False)
        if len(tuples):
            return five_tuples.build(samples, wanted)
        reason = str(report)
    return uniform.build(samples, wanted)._replace(instead=f"no five-tuple can be formed: {reason}")
