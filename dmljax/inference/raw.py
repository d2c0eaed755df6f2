"""What a caller gives as an image, checked, as the decoder takes it: bytes, pixels, Pillow's images."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from PIL import Image


def raw(image) -> bytes | np.ndarray | Image.Image:
    """A file's bytes, pixels uint8 [H, W] or [H, W, C] or uint16 [H, W], or an image that Pillow opened.

    Args:
      image: a path, one of Pillow's images, or an array uint8 or uint16 [H, W] or [H, W, C]; of C = 1, 2, 3
        or 4 channels 2 and 4 end with the opacity. Colours of 16 bits keep their upper 8, as Pillow does when
        it reads a file.

    Raises:
      ValueError: a file that cannot be opened, or an array of another kind.
    """
    if isinstance(image, str | os.PathLike):
        try:
            return Path(image).read_bytes()
        except OSError as error:
            raise ValueError(f"cannot be opened ({error.strerror or error})") from None
    if isinstance(image, Image.Image):
        return image
    pixels = None if isinstance(image, bytes | None) else np.asarray(image)
    if pixels is None or pixels.dtype.kind in "OSU":
        raise ValueError(f"is {type(image).__name__}; expected a path, an array or one of Pillow's images")
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    known = pixels.dtype in (np.uint8, np.uint16) and pixels.ndim in (2, 3) and channels in (1, 2, 3, 4)
    if not known or not pixels.size:
        form = f"{pixels.dtype} {list(pixels.shape)}"
        raise ValueError(
            f"is {form}; expected uint8 or uint16 [H, W], [H, W, 3] or [H, W, 4], RGB, not empty"
            f"{_remedy(pixels)}"
        )
    if pixels.dtype == np.uint16 and pixels.ndim == 3:
        pixels = (pixels >> 8).astype(np.uint8)
    return np.ascontiguousarray(pixels)


def _remedy(pixels: np.ndarray) -> str:
    """What would make an image of it, behind '; ', or '' where that cannot be told."""
    if pixels.ndim == 3 and pixels.shape[2] not in (1, 2, 3, 4):
        if pixels.shape[0] in (1, 3, 4):
            return "; channels come last: take np.moveaxis(image, 0, -1)"
        return "; of a stack of grey images take list(images)"
    if not pixels.size or not np.issubdtype(pixels.dtype, np.floating):
        return ""
    low, high = pixels.min(), pixels.max()
    if not np.isfinite(low) or not np.isfinite(high) or low < 0 or high > 255:
        return f"; its numbers go from {low:g} to {high:g}, and should be finite, from 0 to 1 or to 255"
    scaled = "image" if high > 1 else "(255 * image)"
    return f"; of numbers from 0 to {255 if high > 1 else 1} take {scaled}.round().astype('uint8')"
