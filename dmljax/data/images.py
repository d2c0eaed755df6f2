"""Reading: a reference of a dataset -> one uint8 RGB image of the training size; the only place that decodes."""
from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image
from tqdm import tqdm

from dmljax.types import Samples, Skipped, UserError


def load(samples: Samples, reference: str, size: int) -> np.ndarray:
    """One image, decoded, cut to the set's box and resized: uint8 [size, size, 3], RGB.

    Grey images are repeated over the three channels. Resizing is bilinear with antialiasing over the source pixels.

    Raises:
      ValueError: it cannot be decoded, the box lies outside it, or it is a black placeholder; the text says which.
    """
    try:
        raw = samples.read(reference)
        image = Image.open(io.BytesIO(raw)) if isinstance(raw, bytes) else Image.fromarray(raw)
        if getattr(image, "mode", "").startswith("I;16"):  # 16-bit grey: Pillow would clip it instead of scaling
            image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
        image = image.convert("RGB")
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise ValueError(f"cannot be decoded ({error})") from None
    if samples.box is not None:
        left, top, right, bottom = samples.box
        if right > image.width or bottom > image.height:
            raise ValueError(f"is {image.width} x {image.height} pixels, too small for the box {samples.box}")
        image = image.crop(samples.box)
    if image.size != (size, size):
        image = image.resize((size, size), Image.Resampling.BILINEAR)
    pixels = np.asarray(image)
    if samples.darkest > 0 and pixels.mean() < samples.darkest:
        raise ValueError(f"is black (mean grey level {pixels.mean():.1f} of 255, a placeholder)")
    return pixels


def read_all(samples: Samples, size: int, *, keep: bool = True, progress: bool = True,
             threads: int = 4) -> tuple[Samples, np.ndarray | None]:
    """Reads every image once: the samples that can be read, and their pixels.

    Args:
      size: side of the square images in pixels.
      keep: return the pixels, uint8 [S, size, size, 3]; otherwise they are only checked and None is returned.

    Raises:
      UserError: not a single image can be read.
    """
    if samples.prepare is not None:
        samples.prepare(samples.references, progress=progress)
    pixels = np.zeros((len(samples), size, size, 3), np.uint8) if keep else None
    failed: dict[int, str] = {}

    def one(k: int) -> None:
        try:
            image = load(samples, samples.references[k], size)
        except ValueError as error:
            failed[k] = str(error)
            return
        if pixels is not None:
            pixels[k] = image

    with ThreadPoolExecutor(threads) as pool:
        for _ in tqdm(pool.map(one, range(len(samples))), total=len(samples), desc=f"reading {samples.name}", unit="image",
                      disable=not progress, leave=False):
            pass
    if not failed:
        return samples, pixels
    if len(failed) == len(samples):
        first = min(failed)
        raise UserError(
            f"{samples.name}: none of the {len(samples)} images can be read; the first, '{samples.references[first]}', {failed[first]}"
        )
    good = np.array([k for k in range(len(samples)) if k not in failed])
    skipped = tuple(Skipped(samples.references[k], failed[k]) for k in sorted(failed))
    return samples.take(good, skipped), None if pixels is None else pixels[good]
