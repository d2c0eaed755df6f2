"""Faces drawn into a picture: a box each, and beside it what was predicted, large enough to be read."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dmljax import extras
from dmljax.boxes import overlap
from dmljax.inference.predictions import Predictions
from dmljax.types import UserError

LEAST, MOST = 640, 1920  # longer side of what is drawn on, pixels: small pictures are enlarged
LINE, INK, PAPER = (255, 200, 40), (20, 20, 20), (255, 200, 40)
LETTERS = (1 / 36, 1 / 20)  # height of the letters as a share of the longer and of the shorter side


def labels(predictions: Predictions) -> list[list[str]]:
    """Lines of text for each face: expression and probability, yaw or pose."""
    found: list[list[str]] = []
    for k in range(len(predictions.embedding)):
        lines = []
        if predictions.expression is not None and predictions.confidence is not None:
            lines.append(f"{predictions.expression[k]} {100 * predictions.confidence[k]:.0f} %")
        if predictions.yaw is not None and math.isfinite(predictions.yaw[k]):
            lines.append(f"yaw {predictions.yaw[k]:+.0f}°")
        elif predictions.pose is not None and predictions.pose_confidence is not None:
            lines.append(f"{predictions.pose[k]} {100 * predictions.pose_confidence[k]:.0f} %")
        found.append(lines)
    return found


def draw(picture: Image.Image, boxes: np.ndarray, texts: list[list[str]]) -> Image.Image:
    """The picture with boxes and texts, RGB.

    Args:
      picture: RGB.
      boxes: left, top, right, bottom in its pixels, float [F, 4].
      texts: lines for each.
    """
    longer = max(picture.size)
    scale = min(max(1.0, LEAST / longer), MOST / longer)
    size = [max(1, round(side * scale)) for side in picture.size]
    shown = picture.convert("RGB").resize(size, Image.Resampling.BICUBIC) if scale != 1 else picture.copy()
    pen = ImageDraw.Draw(shown)
    letters = max(12, round(min(max(size) * LETTERS[0], min(size) * LETTERS[1])))
    font = ImageFont.truetype(*found) if (found := _font("".join(map("".join, texts)), letters)) else None
    font = font or ImageFont.load_default(letters)
    width = max(2, letters // 8)
    for box in boxes * scale:
        pen.rectangle([float(edge) for edge in _inside(box, size, width)], outline=LINE, width=width)
    taken: list[tuple[float, ...]] = []
    for box, lines in zip(boxes * scale, texts):
        _write(pen, font, "\n".join(lines), _inside(box, size, width), size, taken)
    return shown


def _inside(box, size, width: int) -> tuple[float, float, float, float]:
    left, top, right, bottom = (float(edge) for edge in box)
    left, top = max(left, 0), max(top, 0)
    return left, top, max(min(right, size[0] - 1), left + width), max(min(bottom, size[1] - 1), top + width)


def _write(pen: ImageDraw.ImageDraw, font, text: str, box, size, taken: list[tuple[float, ...]]) -> None:
    """Below a box; where there is no room, above it, else inside at its foot or head. `taken`: places of
    texts, to which this one is added.
    """
    if not text:
        return
    gap = max(2, font.size // 4)
    left, top, right, bottom = pen.multiline_textbbox((0, 0), text, font=font)
    width, height = right - left + 2 * gap, bottom - top + 2 * gap
    x = min(max(box[0], 0), max(size[0] - width, 0))
    places = [(x, y, x + width, y + height) for y in (box[3], box[1] - height, box[3] - height, box[1])]
    free = (
        place
        for place in places
        if 0 <= place[1] and place[3] <= size[1] and not any(overlap(place, other) > 0 for other in taken)
    )
    _, y, *_ = place = next(free, places[2])
    taken.append(place)
    pen.rectangle((x, y, x + width, y + height), fill=PAPER)
    pen.multiline_text((x + gap - left, y + gap - top), text, INK, font=font)


@lru_cache(maxsize=64)
def _font(text: str, letters: int) -> tuple[str, int] | None:
    """(file, size) of a font that has the letters; None where Matplotlib, which brings one, is not there."""
    try:
        extras.require("report", "matplotlib", purpose="letters in pictures")
    except UserError:
        return None
    from dmljax.report import lettering

    return lettering.file(text), letters
