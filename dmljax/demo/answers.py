"""What a network says of the faces of one photograph, the largest face first."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from dmljax import plugins
from dmljax.data import images
from dmljax.inference import drawing
from dmljax.inference import faces as finding
from dmljax.inference.model import Model
from dmljax.inference.predictions import Predictions
from dmljax.inference.raw import raw


class Answer(NamedTuple):
    """F faces, the largest first.

    Attributes:
      picture: the photograph with a box and a label for each face, uint8 [H, W, 3], RGB.
      pixels: each face as the network sees it, uint8 [F, size, size, 3], RGB.
      predictions: of each.
    """

    picture: np.ndarray
    pixels: np.ndarray
    predictions: Predictions


class Answers:
    """Finds the faces of photographs and predicts them.

    Attributes:
      model: the network.
      finders: 'whole' and the detectors, by name.
      usual: which of them stands for how the run's own images were cut.
    """

    def __init__(self, model: Model):
        self.model = model
        self.finders = (finding.WHOLE, *plugins.names("detectors"))
        self.usual = finding.rule_of(model.config, "", None).find
        self._find = functools.cache(self._detector)

    def of(self, photograph, faces: str) -> Answer:
        """The answer to a photograph.

        Args:
          photograph: a path, pixels uint8 [H, W, 3], RGB, or another image that `Model.predict` takes.
          faces: one of `finders`.

        Raises:
          ValueError: it cannot be read, or has no face. Or, as UserError, what a detector needs is not
            installed.
        """
        rule = finding.rule_of(self.model.config, faces, None)
        content = images.once(raw(photograph))
        found = finding.read(content, rule, self._find(faces))
        size = found.boxes[:, 2:] - found.boxes[:, :2]
        largest_first = np.argsort(-size.prod(1), kind="stable")
        boxes, pixels = found.boxes[largest_first], found.pixels[largest_first]
        predictions = self.model.of_pixels(pixels)
        drawn = drawing.draw(images.decode(content)[0], boxes, _labels(predictions))
        return Answer(np.asarray(drawn), pixels, predictions)

    def _detector(self, faces: str) -> Callable | None:
        return finding.detector(finding.rule_of(self.model.config, faces, None), every=True)


def _labels(predictions: Predictions) -> list[list[str]]:
    """Lines for each face; of several the first line begins with its number."""
    lines = drawing.labels(predictions)
    if len(lines) == 1:
        return lines
    return [[" ".join([f"{k}:", *first[:1]]), *first[1:]] for k, first in enumerate(lines, 1)]
