"""Reading for a prediction: a file's name or a film's picture in, its faces or why it has none out."""

from __future__ import annotations

import warnings
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from dmljax.inference import faces
from dmljax.inference.faces import Box, Faces, Rule
from dmljax.types import Skipped, UserError


class Picture(NamedTuple):
    """What is read.

    Attributes:
      name: path of a file, or what a film's picture is called.
      pixels: uint8 [H, W, 3], RGB, of a film's picture; None: the file is read.
      boxes: of its faces, if they are given.
    """

    name: str
    pixels: np.ndarray | None = None
    boxes: list[Box] | None = None


def start(rule: Rule):
    """What reads pictures by a rule; for `pool.results`."""
    return partial(_read, rule, faces.detector(rule, every=True))


def _read(rule: Rule, find, picture: Picture) -> Faces | Skipped:
    try:
        with warnings.catch_warnings():
            # an image that is too large is refused by its pixels
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            content = picture.pixels if picture.pixels is not None else Path(picture.name).read_bytes()
            return faces.read(content, rule, find, picture.boxes)
    except OSError as error:
        kind = "cannot be read"
        return Skipped(picture.name, f"{kind} ({error.strerror or error})", kind)
    except UserError:
        raise  # of the detector, not of this picture
    except ValueError as error:
        return Skipped.after(picture.name, error)
