"""The sides of a run's split, with the labels of their images but without reading any: for a few of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dmljax import run_folder
from dmljax.preparation import crop, opening
from dmljax.runs.trained import errors_of, read_configuration
from dmljax.types import Samples, UserError


class Sides(NamedTuple):
    """The set of a run and who is on which side of it.

    Attributes:
      config: of the run.
      samples: the whole set; faces are not looked for yet.
      train, test: numbers of the images on each side, as far as they are still in the set, int32.
    """

    config: Any
    samples: Samples
    train: np.ndarray
    test: np.ndarray

    def boxed(self, chosen: np.ndarray, *, progress: bool = True) -> Samples:
        """Images of these numbers alone, with the boxes by which the run's images are cut."""
        return crop.apply(self.samples.take(chosen), progress=progress, **self.config.crop)


def read(run: Path, needed: str, root: str = "") -> Sides:
    """The sides of a run.

    Args:
      run: its folder.
      needed: 'train' or 'test', of which at least one image has to be in the set.
      root: where its set lies, if not where its configuration says.

    Raises:
      UserError: the set is not there, or has none of the images of the side that is needed.
    """
    config = read_configuration(run, root)
    with errors_of(run, config):
        samples = opening.open_labels(config)
    number = {reference: k for k, reference in enumerate(samples.references)}
    split = run_folder.read(run / run_folder.SPLIT)
    found = []
    for side, what in (("train", "training"), ("test", "test")):
        there = [number[name] for name in split.get(side) or [] if name in number]
        if side == needed and not there:
            raise UserError(f"none of the run's {what} images is in {samples.name}", parameter="root")
        found.append(np.array(there, np.int32))
    return Sides(config, samples, *found)
