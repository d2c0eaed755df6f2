"""What a trained network makes of its test images: the features before and after metric learning."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dmljax import writing
from dmljax.data import images
from dmljax.data.duplicates import thumbnail
from dmljax.runs.trained import Opened, spaces
from dmljax.types import INDEX, LABELS, Samples

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
    labels, names = labelled(samples, index)
    pixels = (
        np.stack(
            [thumbnail(images.load(samples, int(k), opened.config.data.image_size)).ravel() for k in index]
        ).astype(np.float32)
        / 255
    )
    return Features(
        spaces={PIXELS: pixels, **spaces(found, opened.config)},
        labels=labels,
        names=names,
        dataset=samples.name,
        step=opened.step,
    )


def labelled(samples: Samples, index: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, tuple[str, ...]]]:
    """Labels of some samples, and the classes' names; both by 'expression', 'pose', 'identity'."""
    labels = {name: getattr(samples, name)[index] for name in LABELS}
    return labels, {name: getattr(samples, f"{name}_names") for name in LABELS}


def write(path: Path, found: dict[str, np.ndarray], samples: Samples, config) -> None:
    """Features of predicted images with their labels (-1: not known) and the classes' names, for NumPy."""
    labels, names = labelled(samples, found[INDEX])
    texts = {f"{name}_names": np.array(names[name], str) for name in names}
    arrays: dict[str, Any] = {**spaces(found, config), **labels, **texts}
    with writing.whole(path) as part, open(part, "wb") as file:
        np.savez_compressed(file, **arrays)
