"""Reading: a reference of a dataset -> one uint8 RGB image."""

from __future__ import annotations

import numpy as np
from PIL import Image

from dmljax.data.decoding import Box, decode, once, size_of
from dmljax.types import Samples, Unreadable

__all__ = ["decode", "fit", "load", "once", "raw", "size_of"]


def raw(samples: Samples, number: int) -> bytes | np.ndarray:
    """Image `number` as the set gives it: a file's bytes, or uint8 [H, W, 3].

    Raises:
      Unreadable: it is no longer where the set found it, or cannot be opened; or what `samples.read` raises.
    """
    try:
        return samples.read(samples.references[number])
    except OSError as error:
        raise Unreadable(f"cannot be read ({error.strerror or error})", "cannot be read") from None


def load(samples: Samples, number: int, size: int) -> np.ndarray:
    """Image `number`, decoded, cut to its box and resized: uint8 [size, size, 3], RGB.

    Grey images are repeated over the three channels. Resizing is bilinear with antialiasing over the source
    pixels; a JPEG much larger than that is decoded at a half, a quarter or an eighth of its size, which its
    cosine transform gives directly.

    Raises:
      Unreadable: it cannot be read or decoded, the box lies outside it, or it is a black placeholder; the
      text says which. Or what `samples.read` raises.
    """
    box = None if samples.boxes is None else _ordered(_whole(samples.boxes[number]))
    if box is not None and (box[2] == box[0] or box[3] == box[1]):
        box = None
    darkest = samples.darkest[number] if isinstance(samples.darkest, np.ndarray) else samples.darkest
    pixels = fit(raw(samples, number), box, size)
    if darkest > 0 and pixels.mean() < darkest:
        raise Unreadable(f"is black (mean grey level {pixels.mean():.1f} of 255, a placeholder)", "is black")
    return pixels


def fit(
    content: bytes | np.ndarray | Image.Image, box: tuple[int, int, int, int] | None, size: int
) -> np.ndarray:
    """A file's bytes, pixels uint8 [H, W, 3] or [H, W], or an image that Pillow opened, cut to a box and
    resized: uint8 [size, size, 3].

    Args:
      box: left, top, right, bottom in pixels; None: the whole image.

    Raises:
      ValueError: it cannot be decoded, or the box lies outside it.
    """
    return _cut(decode(content, box, size), size)


def _ordered(box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """The same box with its corners in their order."""
    left, top, right, bottom = box
    return min(left, right), min(top, bottom), max(left, right), max(top, bottom)


def _whole(box) -> tuple[int, int, int, int]:
    left, top, right, bottom = (int(edge) for edge in box)
    return left, top, right, bottom


def _cut(decoded: tuple[Image.Image, Box], size: int) -> np.ndarray:
    image, box = decoded
    if box == _whole(box):  # cropped first, so that resizing does not see what lies outside
        if box != (0, 0, *image.size):
            image = image.crop(_whole(box))
        if image.size != (size, size):
            image = image.resize((size, size), Image.Resampling.BILINEAR)
        return np.asarray(image)
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR, box=box))
