"""The faces of an image: found by a rule, cut out and resized as in training; no JAX, for many processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from dmljax import plugins
from dmljax.data import images
from dmljax.preparation import crop
from dmljax.types import Unreadable, UserError, nearest

WHOLE, TABLE = "whole", ".csv"  # rules that find nothing: the whole image; boxes of a file that ends so
LEAST = 8  # pixels of an image's shorter side: of fewer nothing can be told
Box = tuple[float, float, float, float]


class Rule(NamedTuple):
    """How faces are found and cut out.

    Attributes:
      find: 'whole', or a detector by name.
      margin: added on each side of a box as a share of its longer side, which is then made square; None: a
        box is cut out as it is.
      side: pixels of the longer side to which a detector scales an image.
      missed: of an image without a face, 'whole' takes all of it; 'skip': none.
      size: side in pixels of what the network sees.
    """

    find: str
    margin: float | None
    side: int
    missed: str
    size: int


class Faces(NamedTuple):
    """The F faces of an image.

    Attributes:
      boxes: left, top, right, bottom in pixels of the upright image, float64 [F, 4], without margin.
      pixels: what the network sees, uint8 [F, size, size, 3], RGB.
    """

    boxes: np.ndarray
    pixels: np.ndarray


def rule_of(config, faces: str, margin: float | None) -> Rule:
    """How a run's configuration and a caller's wishes have faces found.

    Args:
      faces: 'whole', a detector by name, a path ending in .csv (whose boxes the caller gives), or '': the
        detector that the run's own set was cropped by, else the whole image.
      margin: None: that of the run's own crops; none where these were windows of the set.

    Raises:
      UserError: neither such a rule nor such a detector.
    """
    detectors = plugins.names("detectors")
    own = config.crop.rule if config.crop.rule in detectors else WHOLE
    find = faces or own
    if find.lower().endswith(TABLE):
        find = WHOLE
    known = (WHOLE, *detectors)
    if find not in known:
        raise UserError(
            f"must be {', '.join(known)}, or a table of boxes that ends in {TABLE}; got '{faces}'."
            + nearest(faces, known),
            parameter="faces",
        )
    if margin is not None and not 0 <= margin < 2:
        raise UserError(f"must be from 0 to 2, got {margin}", parameter="margin")
    squared = find != WHOLE or config.crop.rule in (*detectors, "boxes")
    if margin is None and squared:
        margin = config.crop.margin
    return Rule(find, margin, config.crop.side, config.crop.missed, config.data.image_size)


def detector(rule: Rule, *, every: bool) -> Callable[[np.ndarray], list[Box]] | None:
    """image uint8 [H, W, 3] -> boxes, all of them or the one that training takes; None for whole images. A
    detector without `build_every` finds one face.

    Raises:
      UserError: what the detector needs is not installed.
    """
    if rule.find == WHOLE:
        return None
    plugin = plugins.load("detectors", rule.find)
    if every and hasattr(plugin, "build_every"):
        return plugin.build_every(side=rule.side)
    detect = plugin.build(side=rule.side)
    return lambda image: [] if (face := detect(image)) is None else [face]


def read(content: Any, rule: Rule, find: Callable | None, given: list[Box] | None = None) -> Faces:
    """The faces of one image.

    Args:
      content: as `decode` takes it.
      find: of `detector`.
      given: boxes of the image's faces that are known already; None: they are found, or it is whole.

    Raises:
      Unreadable: it cannot be decoded, is too small, or has no face.
    """
    content = images.once(content)
    width, height = images.size_of(content)
    if min(width, height) < LEAST:
        raise Unreadable(f"is {width} x {height} pixels, too small for a face", "too small for a face")
    whole = given is None and find is None
    if given is None:
        given = [] if find is None else found(content, find)
    if not given and (whole or rule.missed == WHOLE):
        given, rule = [(0.0, 0.0, float(width), float(height))], rule._replace(margin=None)
    if not np.isfinite(np.array(given, float)).all():
        raise Unreadable("has a box that is no number", "a box that is no number")
    shown = [box for box in given if not crop.outside(box, width, height)]
    if not shown:
        what = f"{crop.NO_FACE} inside the image" if given else crop.NO_FACE
        raise Unreadable(f"{what}" + ("" if rule.find == WHOLE else f" by {rule.find}"), crop.NO_FACE)
    pixels = [images.fit(content, _cut(box, rule.margin, width, height), rule.size) for box in shown]
    return Faces(np.array(shown, float).reshape(-1, 4), np.stack(pixels))


def found(content: Any, find: Callable) -> list[Box]:
    """The faces that a detector finds in an image.

    Raises:
      Unreadable: it cannot be decoded or searched.
    """
    picture = np.asarray(images.decode(content)[0])
    try:
        return find(picture)
    except UserError:
        raise
    except Exception as error:  # libraries stumble over pictures that are long and thin
        raise Unreadable(
            f"cannot be searched for faces ({' '.join(str(error).split()) or type(error).__name__})",
            "cannot be searched for faces",
        ) from None


def _cut(box: Box, margin: float | None, width: int, height: int) -> tuple[int, int, int, int]:
    """What is cut out: a square around the face, or what of the box is inside, at least a pixel of it."""
    if margin is not None:
        return crop.square(box, margin, width, height)
    left, top = (min(max(round(edge), 0), side - 1) for edge, side in zip(box[:2], (width, height)))
    right, bottom = (min(round(edge), side) for edge, side in zip(box[2:], (width, height)))
    return left, top, max(right, left + 1), max(bottom, top + 1)
