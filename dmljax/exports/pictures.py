"""Faces on which a file is tried: of the run's test side, given ones, or rendered ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dmljax import plugins
from dmljax.data import images
from dmljax.inference.of_run import OfRun
from dmljax.inference.sources import sources
from dmljax.runs import sides
from dmljax.types import Samples, UserError

RENDERED = "synthetic"  # the set that needs nothing on the disk


class Pictures(NamedTuple):
    """Faces as the network sees them, and where they are from.

    Attributes:
      pixels: uint8 [N, size, size, 3], RGB.
      origin: in words, such as '16 test images of kdef'.
    """

    pixels: np.ndarray
    origin: str


def choose(
    model: OfRun, run: Path, *, count: int, given: Sequence[str | Path] = (), root: str = ""
) -> Pictures:
    """Pictures of the run's test side, evenly over it.

    Args:
      model: of the run.
      run: its folder.
      count: how many at most.
      given: photographs and folders to take instead, whole or with faces found as in training.
      root: where the run's set lies, if not where its configuration says.

    Returns:
      Where the set is not there and nothing is given: rendered faces.

    Raises:
      UserError: what is given cannot be read, or `root` is not the run's set.
    """
    if given:
        files = [source.name for source in sources(given) if source.kind == "image"][:count]
        if not files:
            raise UserError("no image is among them", parameter="photographs")
        try:
            return Pictures(model.pixels(files), f"{len(files)} given images")
        except UserError:
            raise
        except ValueError as error:
            raise UserError(str(error), parameter="photographs") from None
    try:
        return _of_test_side(model, run, count, root)
    except (UserError, OSError) as error:
        if root:
            raise
        reason = str(error).partition(";")[0].rstrip(".")
    samples = plugins.load("datasets", RENDERED).samples(identities=4, size=64)
    pixels = _read(samples, _spread(len(samples), count), model.image_size)
    return Pictures(pixels, f"{len(pixels)} rendered faces (the run's own set cannot be read: {reason})")


def _of_test_side(model: OfRun, run: Path, count: int, root: str) -> Pictures:
    there = sides.read(run, "test", root)
    chosen = there.boxed(there.test[_spread(len(there.test), count)], progress=False)
    pixels = _read(chosen, np.arange(len(chosen)), model.image_size)
    return Pictures(pixels, f"{len(pixels)} test images of {there.samples.name}")


def _spread(total: int, count: int) -> np.ndarray:
    """At most `count` numbers, evenly over 0..total - 1."""
    return np.unique(np.linspace(0, total - 1, min(count, total)).round().astype(int))


def _read(samples: Samples, chosen: np.ndarray, size: int) -> np.ndarray:
    return np.stack([images.load(samples, int(k), size) for k in chosen])
