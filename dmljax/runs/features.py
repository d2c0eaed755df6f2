"""What a trained run's network makes of its test images: the features before and after metric learning,
beside plain pixels.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from dmljax.data import images
from dmljax.data.duplicates import thumbnail
from dmljax.runs.trained import open_run, spaces
from dmljax.training.devices import set_up_compiler
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


def extract(run: str | Path, *, checkpoint: str = "last", root: str = "", progress: bool = True) -> Features:
    """The features of a run's test images.

    Raises:
      UserError: the folder holds no run that can be read.
    """
    set_up_compiler()
    opened = open_run(Path(run), checkpoint, root, progress)
    samples, found = opened.data.samples, opened.predict(opened.variables, opened.test)
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
        step=opened.saved["position"]["step"],
    )
