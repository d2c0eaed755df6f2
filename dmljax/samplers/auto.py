"""What the labels allow: five-tuples, or plain shuffled mini-batches where not one can be formed."""

from __future__ import annotations

import numpy as np

from dmljax.data import order, tuples
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
        labels = samples.expression, samples.pose, samples.identity
        if tuples.possible(*labels):
            return five_tuples.build(samples, wanted)
        reason = str(tuples.draw_epoch(*labels, seed=wanted.seed)[1])
    return uniform.build(samples, wanted)._replace(instead=f"no five-tuple can be formed: {reason}")
