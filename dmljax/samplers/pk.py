"""P x K mini-batches: P classes, K images of each, so that mining by class always finds positives."""

from __future__ import annotations

import numpy as np

from dmljax.data import sampling
from dmljax.data.sampling import Sampler, Stream, Wanted
from dmljax.types import Samples, UserError

NUMBER = 4  # of its random numbers


def build(
    samples: Samples, wanted: Wanted, *, classes: int = 4, images: int = 8, label: str = "expression"
) -> Sampler:
    """Mini-batches after Hermans, Beyer & Leibe: "In defense of the triplet loss", 2017; `wanted.batch_size`
    does not count.

    The K images of a class are different ones, as far as it has so many; images without the label are never
    drawn. An epoch has as many mini-batches as images with the label fill.

    Args:
      samples: the training samples.
      classes: P, the classes in a mini-batch.
      images: K, the images of each.
      label: whose classes they are: expression, pose or identity.

    Raises:
      UserError: fewer classes than P, numbers below 2, or too few images for a step.
    """
    for name, value in (("classes", classes), ("images", images)):
        if value < 2:
            raise UserError(f"must be at least 2; got {value}", parameter=f"sampler.pk.{name}")
    groups = sampling.classes_of(samples, label, "sampler.pk.label")
    if len(groups) < classes:
        raise UserError(
            f"{samples.name} has {len(groups)} classes of {label} among its training samples, fewer than"
            f" {classes}; set it to {len(groups)} or less",
            parameter="sampler.pk.classes",
        )
    size, known = classes * images, sum(map(len, groups))
    sampling.check_enough(samples, known, wanted, size, "sampler.pk.classes or sampler.pk.images")
    count = known // size

    def draw(epoch: int) -> np.ndarray:
        rng = sampling.generator(wanted, epoch, NUMBER)
        streams = [Stream(members, rng) for members in groups]
        rows = np.empty((count, size), np.int32)
        for row in rows:
            chosen = rng.permutation(len(groups))[:classes]
            row[:] = rng.permutation(np.concatenate([streams[k].take(images) for k in chosen]))
        return rows

    told = f"{count:,} mini-batches of {classes} classes of {label} x {images} images"
    return Sampler("pk", size, 1, draw, told, "sampler.pk.classes or sampler.pk.images")
