"""Where the face is in each image: one rule for a whole set, so that crops tell nothing of poses.

The set's own window, nothing, a box a view, boxes from a table (own, py-feat, OpenFace), or a detector. What
a rule finds no face in is counted for each pose and listed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import MutableMapping

import numpy as np

from dmljax import bars, plugins
from dmljax.data.images import decode, raw
from dmljax.preparation import box_tables
from dmljax.types import Samples, Skipped, UserError, nearest

NO_FACE = "no face found"  # the kind of what is skipped here
RULES = ("set", "none", "views", "boxes")
MISSED = ("skip", "whole")


def apply(
    samples: Samples,
    *,
    rule: str = "set",
    table: str = "",
    margin: float = 0.2,
    missed: str = "skip",
    side: int = 480,
    progress: bool = True,
) -> Samples:
    """The samples with a box each.

    Args:
      rule: 'set', the set's own window; 'none', the whole image; 'views', a box a pose from `table`; 'boxes',
        one an image from `table`; or a detector by name.
      table: for 'views' a CSV with the columns pose, left, top, right, bottom. For 'boxes' a CSV of path,
        left, top, right, bottom, or what py-feat writes (input, FaceRectX, ...), or a CSV or a folder of CSVs
        of OpenFace (x_0, y_0, ...).
      margin: added on each side of a table's or detector's box as a share of its longer side; the box is then
        made square.
      side: pixels of the longer side to which a detector scales an image before it searches it.
      missed: images without a face: 'skip' and list them, or take them 'whole'.

    Raises:
      UserError: an unknown rule, or a table that cannot be read.
    """
    if missed not in MISSED:
        raise UserError(f"crop.missed must be one of {', '.join(MISSED)}; got '{missed}'")
    if not 0 <= margin < 2:
        raise UserError(f"crop.margin must be from 0 to 2, got {margin}")
    _check(rule, side)
    if rule == "set":
        return samples
    if rule == "none":
        return samples.replace(boxes=None)
    if rule == "views":
        return samples.replace(boxes=box_tables.of_views(samples, table))
    faces, sizes = find(samples, rule, table=table, side=side, progress=progress)
    boxes, lost = np.zeros((len(samples), 4), np.int32), []
    for k, (face, (width, height)) in enumerate(zip(faces, sizes)):
        if not width:
            continue  # reading it will say why
        if np.isnan(face).any() or outside(face, width, height):
            lost.append(k)
            boxes[k] = 0, 0, width, height
        else:
            boxes[k] = square(face, margin, width, height)
    boxed = samples.replace(boxes=boxes)
    if missed == "whole" or not lost:
        return boxed
    kept = np.setdiff1d(np.arange(len(samples)), lost)
    skipped = []
    for k in lost:
        pose = pose_of(samples, k)
        what = NO_FACE if np.isnan(faces[k]).any() else f"{NO_FACE} inside the image"
        reason = f"{what} by {rule} (pose {pose or 'unknown'})"
        skipped.append(Skipped(samples.references[k], reason, NO_FACE, pose))
    return boxed.take(kept, tuple(skipped))


def find(
    samples: Samples,
    rule: str,
    *,
    table: str = "",
    side: int = 480,
    progress: bool = True,
    kept: MutableMapping[str, tuple[float, ...]] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """What a table ('boxes') or a detector says of each image, without margins.

    Args:
      kept: reference -> (left, top, right, bottom, width, height), what an earlier search found; what is
        found now is added.

    Returns:
      faces float [N, 4], edges in pixels, rows of NaN where there is none; sizes int [N, 2], width and height
      of the images, 0 where one cannot be read.

    Raises:
      UserError: the rule finds no faces of its own, or the table cannot be read.
    """
    _check(rule, side)
    if rule in ("set", "none", "views"):
        raise UserError(
            f"crop.rule={rule} looks for no faces; choose a detector: {', '.join(plugins.names('detectors'))}"
        )
    face_of = box_tables.from_table(samples, table) if rule == "boxes" else _by_detector(samples, rule, side)
    kept = {} if kept is None else kept
    for k, name in enumerate(
        bars.bar(samples.references, desc=f"faces by {rule}", unit="image", show=progress)
    ):
        if name in kept:
            continue
        try:
            size = decode(raw(samples, k))[0].size
            face = face_of(k)
        except UserError:
            raise  # of the set or the detector, not of this image
        except ValueError:
            face, size = None, (0, 0)
        kept[name] = (*(face or (np.nan,) * 4), *size)
    rows = np.array([kept[name] for name in samples.references], float).reshape(-1, 6)
    return rows[:, :4], rows[:, 4:].astype(int)


def _check(rule: str, side: int) -> None:
    known = (*RULES, *plugins.names("detectors"))
    if rule not in known:
        raise UserError(f"crop.rule must be one of {', '.join(known)}; got '{rule}'.{nearest(rule, known)}")
    if not 64 <= side <= 4096:
        raise UserError(f"crop.side must be from 64 to 4096 pixels, got {side}")


def misses(skipped: tuple[Skipped, ...]) -> Counter:
    """How many images of each pose a rule found no face in, by the name of the pose class, '' where it is not
    known.
    """
    return Counter(s.pose for s in skipped if s.kind == NO_FACE)


def pose_of(samples: Samples, k: int) -> str:
    """Name of an image's pose class, '' where it is not known."""
    return samples.pose_names[samples.pose[k]] if samples.pose[k] >= 0 else ""


def outside(face, width: int, height: int) -> bool:
    """Whether the box shows nothing of the image, as one of another size of it does."""
    left, top, right, bottom = face
    return min(right, width) <= max(left, 0) or min(bottom, height) <= max(top, 0)


def square(face, margin: float, width: int, height: int) -> tuple[int, int, int, int]:
    """A square around a face box with a margin, moved into the image, and no larger than it."""
    left, top, right, bottom = face
    longer = max(right - left, bottom - top)
    side = min(round(longer * (1 + 2 * margin)), width, height)
    x = min(max(round((left + right - side) / 2), 0), width - side)
    y = min(max(round((top + bottom - side) / 2), 0), height - side)
    return x, y, x + side, y + side


def _by_detector(samples: Samples, name: str, side: int):
    detect = plugins.load("detectors", name).build(side=side)
    return lambda k: detect(np.asarray(decode(raw(samples, k))[0]))
