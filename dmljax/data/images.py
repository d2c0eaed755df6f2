"""Reading: a reference of a dataset -> one uint8 RGB image."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image
from tqdm import tqdm

from dmljax.data.decoding import Box, decode
from dmljax.data.duplicates import perceptual_hashes
from dmljax.types import Samples, Skipped, Unreadable, UserError

_STRETCH = 16  # images that a thread reads at a time

__all__ = ["decode", "fit", "load", "raw", "read_all"]


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


def fit(content: bytes | np.ndarray, box: tuple[int, int, int, int] | None, size: int) -> np.ndarray:
    """A file's bytes, or an image uint8 [H, W, 3] or [H, W], cut to a box and resized: uint8 [size, size, 3].

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

    def some(numbers: range) -> int:
        """Reads a stretch of them: handing over one by one takes as long as reading a small one."""
        good, pictures = [], []
        for k in numbers:
            try:
                picture = load(samples, k, size)
            except UserError:
                raise  # of the set, not of this image
            except ValueError as error:
                failed[k] = Skipped.after(samples.references[k], error)
                continue
            good.append(k)
            pictures.append(picture)
            if pixels is not None:
                pixels[k] = picture
        hashes[good] = perceptual_hashes(pictures)
        return len(numbers)

    every = range(len(samples))
    stretches = [every[k : k + _STRETCH] for k in every[::_STRETCH]]
    with (
        ThreadPoolExecutor(threads) as pool,
        tqdm(
            total=len(samples),
            desc=f"reading {samples.name}",
            unit="image",
            disable=not progress,
            leave=False,
        ) as bar,
    ):
        for count in pool.map(some, stretches):
            bar.update(count)
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
