"""What a trained network makes of its test images: the features before and after metric learning."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dmljax.data import images
from dmljax.data.duplicates import thumbnail
from dmljax.runs.trained import Opened, spaces
from dmljax.types import INDEX

PIXELS = "pixels"


class Features(NamedTuple):
    """Features of N test images, and their labels.

    Attributes:
      spaces: name -> float32 [N, D]; 'pixels' is a grey thumbnail, 'f2' the fused feature, 'embedding' what
        the triplets train, of unit length if they mine it so.
      labels: 'expression', 'pose', 'identity' -> int32 [N], -1 where not known.
      names: the same -> names of the classes.
      dataset, step: what was trained on, and for how long.
    """

    spaces: dict[str, np.ndarray]
    labels: dict[str, np.ndarray]
    names: dict[str, tuple[str, ...]]
    dataset: str
    step: int


def extract(opened: Opened) -> Features:
    """The features of a run's test images."""
    samples, found = opened.samples, opened.outputs
    index = found[INDEX]
    pixels = (
        np.stack(
            [thumbnail(images.load(samples, int(k), opened.config.data.image_size)).ravel() for k in index]
        ).astype(np.float32)
        / 255
    )
    return Features(
        spaces={PIXELS: pixels, **spaces(found, opened.config)},
        labels={
            "expression": samples.expression[index],
            "pose": samples.pose[index],
            "identity": samples.identity[index],
        },
        names={
            "expression": samples.expression_names,
            "pose": samples.pose_names,
            "identity": samples.identity_names,
        },
        dataset=samples.name,
        step=opened.step,
    )
