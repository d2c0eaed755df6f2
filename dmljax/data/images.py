"""Reading: a reference of a dataset -> one uint8 RGB image; the only place that decodes."""

from __future__ import annotations

import contextlib
import io
import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image
from tqdm import tqdm

from dmljax.data.duplicates import perceptual_hash
from dmljax.types import Samples, Skipped, Unreadable, UserError

Box = tuple[float, float, float, float]  # left, top, right, bottom in pixels


def load(samples: Samples, number: int, size: int) -> np.ndarray:
    """Image `number`, decoded, cut to its box and resized: uint8 [size, size, 3], RGB.

    Grey images are repeated over the three channels. Resizing is bilinear with antialiasing over the source
    pixels; a JPEG much larger than that is decoded at a half, a quarter or an eighth of its size, which its
    cosine transform gives directly.

    Raises:
      Unreadable: it cannot be decoded, the box lies outside it, or it is a black placeholder; the text says
      which. Or what `samples.read` raises.
    """
    box = None if samples.boxes is None else _whole(samples.boxes[number])
    if box is not None and box[2] <= box[0]:
        box = None
    darkest = samples.darkest[number] if isinstance(samples.darkest, np.ndarray) else samples.darkest
    pixels = fit(samples.read(samples.references[number]), box, size)
    if darkest > 0 and pixels.mean() < darkest:
        raise Unreadable(f"is black (mean grey level {pixels.mean():.1f} of 255, a placeholder)", "is black")
    return pixels


def fit(raw: bytes | np.ndarray, box: tuple[int, int, int, int] | None, size: int) -> np.ndarray:
    """A file's bytes, or an image uint8 [H, W, 3] or [H, W], cut to a box and resized: uint8 [size, size, 3].

    Args:
      box: left, top, right, bottom in pixels; None: the whole image.

    Raises:
      ValueError: it cannot be decoded, or the box lies outside it.
    """
    return _cut(decode(raw, box, size), size)


def decode(
    raw: bytes | np.ndarray, box: tuple[int, int, int, int] | None = None, least: int = 0
) -> tuple[Image.Image, Box]:
    """(RGB image, box within it). With `least`, a JPEG may come smaller, as long as the box keeps that many
    pixels on each side.

    Raises:
      Unreadable: it cannot be decoded, or the box lies outside it.
    """
    with _undecodable():
        image = Image.open(io.BytesIO(raw)) if isinstance(raw, bytes) else Image.fromarray(raw)
    width, height = image.size
    box = (0, 0, width, height) if box is None else box
    if box[0] < 0 or box[1] < 0 or box[2] > width or box[3] > height:
        raise Unreadable(
            f"is {width} x {height} pixels, too small for the box {box}", "too small for its box"
        )
    fewer = min(box[2] - box[0], box[3] - box[1]) // max(least, 1)
    with _undecodable():
        if least and fewer >= 2:
            image.draft("RGB", (width // fewer, height // fewer))  # only JPEG knows how; others ignore it
        if image.mode.startswith("I;16"):  # 16-bit grey: Pillow would clip it instead of scaling
            image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
        if image.mode == "RGB":
            image.load()  # converting would copy it
        else:
            image = image.convert("RGB")
    shrunk = round(width / image.width)  # 1, 2, 4 or 8; sides that it does not divide are rounded up
    left, top, right, bottom = (edge / shrunk for edge in box)
    return image, (left, top, right, bottom)


def _whole(box) -> tuple[int, int, int, int]:
    left, top, right, bottom = (int(edge) for edge in box)
    return left, top, right, bottom


@contextlib.contextmanager
def _undecodable():
    try:
        yield
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        text = re.sub(r" <_io\.BytesIO[^>]*>", "", str(error))  # an address, another one each time
        raise Unreadable(f"cannot be decoded ({text})", "cannot be decoded") from None


def _cut(decoded: tuple[Image.Image, Box], size: int) -> np.ndarray:
    image, box = decoded
    if box == _whole(box):  # cropped first, so that resizing does not see what lies outside
        image = image.crop(_whole(box))
        if image.size != (size, size):
            image = image.resize((size, size), Image.Resampling.BILINEAR)
        return np.asarray(image)
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR, box=box))


def read_all(
    samples: Samples, size: int, *, keep: bool = True, progress: bool = True, threads: int = 4
) -> tuple[Samples, np.ndarray | None]:
    """Reads every image once: the samples that can be read, with their perceptual hashes, and their pixels.

    Args:
      size: side of the square images in pixels.
      keep: return the pixels, uint8 [S, size, size, 3]; otherwise they are only checked, unless they were
        already, and None is returned.

    Raises:
      UserError: not a single image can be read.
    """
    if samples.hashes is not None and not keep:
        return samples, None
    if samples.prepare is not None:
        samples.prepare(samples.references, progress=progress)
    hashes = np.zeros(len(samples), np.uint64)
    pixels = np.zeros((len(samples), size, size, 3), np.uint8) if keep else None
    failed: dict[int, Skipped] = {}

    def one(k: int) -> None:
        try:
            image = load(samples, k, size)
        except UserError:
            raise  # of the set, not of this image
        except ValueError as error:
            failed[k] = Skipped.after(samples.references[k], error)
            return
        hashes[k] = perceptual_hash(image)
        if pixels is not None:
            pixels[k] = image

    with ThreadPoolExecutor(threads) as pool:
        for _ in tqdm(
            pool.map(one, range(len(samples))),
            total=len(samples),
            desc=f"reading {samples.name}",
            unit="image",
            disable=not progress,
            leave=False,
        ):
            pass
    samples = samples.replace(hashes=hashes)
    if not failed:
        return samples, pixels
    if len(failed) == len(samples):
        first = failed[min(failed)]
        raise UserError(
            f"{samples.name}: none of the {len(samples)} images can be read; the first,"
            f" '{first.reference}', {first.reason}"
        )
    good = np.array([k for k in range(len(samples)) if k not in failed])
    skipped = tuple(failed[k] for k in sorted(failed))
    return samples.take(good, skipped), None if pixels is None else pixels[good]
