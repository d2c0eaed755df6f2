"""From a file's bytes to RGB of 8 bits, the right way up: orientation, depth, transparency, size."""

from __future__ import annotations

import contextlib
import io
import re

import numpy as np
from PIL import Image

from dmljax.types import Unreadable

Box = tuple[float, float, float, float]  # left, top, right, bottom in pixels

MOST_PIXELS = 80_000_000  # decoded, an image takes three or four bytes a pixel
_ORIENTATION = 274  # the EXIF tag
# What turns an image upright, by the tag's value; 1 is upright.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = (5, 6, 7, 8)
_SHRINKING = ("JPEG", "MPO")  # formats that are decoded at a half, a quarter or an eighth of their size


def decode(
    raw: bytes | np.ndarray | Image.Image, box: tuple[int, int, int, int] | None = None, least: int = 0
) -> tuple[Image.Image, Box]:
    """(RGB image, box within it) of a file's bytes, of pixels, or of an image that Pillow opened.

    With `least`, a JPEG's bytes may come smaller, as long as the box keeps that many pixels on each side.

    The image is turned as its EXIF orientation says, and boxes are those of the turned image. Grey levels of
    16 or 32 bits are scaled to 8; what is transparent is white.

    Raises:
      Unreadable: it cannot be decoded, it has too many pixels, or the box lies outside it.
    """
    image, turn, (width, height) = _upright(raw)
    box = (0, 0, width, height) if box is None else box
    if box[0] < 0 or box[1] < 0 or box[2] > width or box[3] > height:
        raise Unreadable(
            f"is {width} x {height} pixels, too small for the box {box}", "too small for its box"
        )
    fewer = min(box[2] - box[0], box[3] - box[1]) // max(least, 1)
    with _undecodable():
        if least and fewer >= 2 and isinstance(raw, bytes):  # an image of the caller's stays as it is
            # only JPEG knows how; others ignore it
            image.draft("RGB", (image.width // fewer, image.height // fewer))
        image.load()
    image = _eight_bits(image)
    if turn in _TURNS:
        image = image.transpose(_TURNS[turn])
        image.info = {}  # which say how it was turned
    shrunk = round(width / image.width)  # 1, 2, 4 or 8; sides that it does not divide are rounded up
    left, top, right, bottom = (edge / shrunk for edge in box)
    return image, (left, top, right, bottom)


def size_of(raw: bytes | np.ndarray | Image.Image) -> tuple[int, int]:
    """Width and height of the image that `decode` returns, which most formats tell without being decoded.

    Raises:
      Unreadable: as `decode`, as far as this is known then.
    """
    return _upright(raw)[2]


def once(raw: bytes | np.ndarray | Image.Image) -> bytes | Image.Image:
    """The same image for `decode`, decoded already; a JPEG as it is, which may be decoded smaller later.

    Raises:
      Unreadable: as `decode`.
    """
    image = _upright(raw)[0]
    return raw if isinstance(raw, bytes) and image.format in _SHRINKING else decode(image)[0]


def _upright(raw: bytes | np.ndarray | Image.Image) -> tuple[Image.Image, int, tuple[int, int]]:
    """The image as it is stored, its orientation, and its size when it is turned upright."""
    with _undecodable():
        image = _opened(raw)
    if image.width * image.height > MOST_PIXELS:
        raise Unreadable(
            f"is {image.width} x {image.height} pixels, more than {MOST_PIXELS // 10**6} million",
            "has too many pixels",
        )
    if image.format not in _SHRINKING:
        with _undecodable():
            image.load()  # TIFF turns itself on loading, and its size with it
    turn = _orientation(image)
    return image, turn, image.size[::-1] if turn in _SIDEWAYS else image.size


def _opened(raw: bytes | np.ndarray | Image.Image) -> Image.Image:
    if isinstance(raw, bytes):
        return Image.open(io.BytesIO(raw))
    return raw if isinstance(raw, Image.Image) else Image.fromarray(raw)


@contextlib.contextmanager
def _undecodable():
    try:
        yield
    except Exception as error:  # a damaged file makes a decoder raise whatever its parser stumbles on
        text = re.sub(r" <_io\.BytesIO[^>]*>", "", str(error))  # an address, another one each time
        raise Unreadable(f"cannot be decoded ({text or type(error).__name__})", "cannot be decoded") from None


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 where there is none or it cannot be read: the pixels are there all the same."""
    try:
        return image.getexif().get(_ORIENTATION, 1)
    except Exception:  # as for decoders
        return 1


def _eight_bits(image: Image.Image) -> Image.Image:
    """RGB of 8 bits from any mode and depth."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image  # converting would copy it
    if image.mode.startswith("I;16"):  # Pillow would clip it instead of scaling
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    elif image.mode in ("I", "F"):
        image = _scaled(image)
    elif image.has_transparency_data:
        image = _on_white(image)
    with _undecodable():
        return image.convert("RGB")


def _scaled(image: Image.Image) -> Image.Image:
    """Grey of 8 bits from integers or numbers of 32.

    Files of 16 bits come as integers of 32, too; those of PNG and PGM fill their 16 bits. Of others nothing
    says how far they go: to 1 (numbers), 255, 65535 or all of 32 bits, the first that holds all levels.
    """
    levels = np.asarray(image)
    if not np.isfinite(levels).all():
        raise Unreadable("has grey levels that are no finite numbers", "cannot be decoded")
    if levels.dtype.kind == "i" and levels.min() < 0:  # Pillow reads unsigned integers as signed ones
        levels = levels.view(np.uint32)
    most = float(levels.max())
    if image.mode == "I" and image.format in ("PNG", "PPM"):
        return Image.fromarray((levels >> 8).astype(np.uint8))
    if image.mode == "F" and most <= 1:
        return Image.fromarray(np.round(levels.clip(0) * 255).astype(np.uint8))
    if most <= 255:
        return image
    if most <= 65535:
        return Image.fromarray((levels.clip(0) / 256).astype(np.uint8))
    if image.mode == "F":
        raise Unreadable(f"has grey levels up to {most:g}, in no range that is known", "cannot be decoded")
    return Image.fromarray((levels.astype(np.uint32) >> 24).astype(np.uint8))


def _on_white(image: Image.Image) -> Image.Image:
    """The image as it is seen on white paper: what lies under a transparent place is hidden."""
    with _undecodable():
        layered = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layered.size, "white"), layered)
