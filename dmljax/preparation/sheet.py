"""Contact sheets: what a set looks like, on one picture."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dmljax.data.images import decode, load, raw
from dmljax.types import Samples, UserError

_COLUMNS, _GAP, _INK, _PAPER = 8, 4, (30, 30, 30), (245, 245, 242)
_FOUND, _REPLACED = (90, 200, 90), (235, 70, 60)


def draw(samples: Samples, path: str | Path, *, people: int = 8, side: int = 96) -> Path:
    """Writes the sheet as PNG, or as what the path's ending says; an empty cell is a combination that the set
    lacks.

    Args:
      people: how many identities.
      side: of a picture in pixels.

    Raises:
      UserError: the file cannot be written.
    """
    frontal = int(np.nanargmin(np.abs(samples.pose_yaw))) if np.isfinite(samples.pose_yaw).any() else 0
    expressions, poses = range(len(samples.expression_names)), range(len(samples.pose_names))
    known = [int(who) for who in np.unique(samples.identity[samples.identity >= 0])]
    shown = (
        [
            known[k]
            for k in np.unique(np.linspace(0, len(known) - 1, min(people, len(known))).round().astype(int))
        ]
        if known
        else [-1]
    )
    blocks = [
        (
            (
                f"{samples.name}: people x expressions, {samples.pose_names[frontal]}"
                if samples.pose_names
                else samples.name
            ),
            [_short(samples.identity_names[who]) if who >= 0 else "" for who in shown],
            samples.expression_names,
            [[_find(samples, who, e, frontal) for e in expressions] for who in shown],
        ),
        (
            f"{_name(samples, shown[0])}: expressions x poses",
            samples.expression_names,
            samples.pose_names,
            [[_find(samples, shown[0], e, p) for p in poses] for e in expressions],
        ),
    ]
    return _save([_block(partial(load, samples, size=side), *block, side) for block in blocks], path)


def faces(
    samples: Samples, numbers: np.ndarray, path: Path, *, title: str, most: int = 64, side: int = 96
) -> Path:
    """One sheet of the samples `numbers`, at most `most`, in their order."""
    return _save([_listed(partial(load, samples, size=side), title, numbers[:most], side)], path)


def located(
    samples: Samples, edges: np.ndarray, replaced: np.ndarray, path: Path, *, most: int = 48, side: int = 120
) -> Path:
    """Whole images with their boxes: first those whose box was replaced, in red, then others from all over
    the set, in green.

    Args:
      edges: float [N, 4] in pixels. replaced: bool [N].
    """

    def picture(k: int) -> np.ndarray:
        image = decode(raw(samples, k))[0]
        scale = side / max(image.size)
        image = image.resize([max(1, round(edge * scale)) for edge in image.size])
        ImageDraw.Draw(image).rectangle(
            (edges[k] * scale).tolist(), outline=_REPLACED if replaced[k] else _FOUND, width=2
        )
        return np.asarray(image)

    parts = []
    for which, title in ((replaced, "the median box"), (~replaced, "found")):
        numbers = np.flatnonzero(which)
        shown = numbers[
            np.unique(np.linspace(0, len(numbers) - 1, min(most, len(numbers))).round().astype(int))
        ]
        if len(shown):
            parts.append(
                _listed(picture, f"{samples.name}: {title}, {len(shown)} of {len(numbers)}", shown, side)
            )
    return _save(parts, path)


def _save(parts: list[Image.Image], path: str | Path) -> Path:
    """One below the other."""
    sheet = Image.new("RGB", (max(p.width for p in parts), sum(p.height for p in parts)), _PAPER)
    top = 0
    for part in parts:
        sheet.paste(part, (0, top))
        top += part.height
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sheet.save(path)
    except (OSError, ValueError) as error:
        raise UserError(f"the contact sheet cannot be written to '{path}': {error}") from None
    return path


def _name(samples: Samples, who: int) -> str:
    return samples.identity_names[who] if who >= 0 else "unknown person"


def _short(name: str) -> str:
    return name if len(name) <= 12 else name[:11] + "…"


def _find(samples: Samples, who: int, expression: int, pose: int) -> int | None:
    """The last sample of a cell: sets that have levels list the strongest last."""
    found = np.flatnonzero(
        (samples.identity == who) & (samples.expression == expression) & (samples.pose == pose)
    )
    return int(found[-1]) if len(found) else None


def _listed(picture, title: str, numbers, side: int) -> Image.Image:
    shown = [int(k) for k in numbers]
    cells = [
        shown[k : k + _COLUMNS] + [None] * max(0, _COLUMNS - len(shown) + k)
        for k in range(0, len(shown), _COLUMNS)
    ]
    return _block(
        picture, title, [str(k * _COLUMNS + 1) for k in range(len(cells))], [""] * _COLUMNS, cells, side
    )


def _block(picture: Callable[[int], np.ndarray], title: str, rows, columns, cells, side: int) -> Image.Image:
    large, small = ImageFont.load_default(15), ImageFont.load_default(12)
    left = 8 + max([int(small.getlength(_short(name))) for name in rows] + [40]) + 8
    image = Image.new(
        "RGB", (left + len(columns) * (side + _GAP) + 8, 52 + len(rows) * (side + _GAP) + 8), _PAPER
    )
    pen = ImageDraw.Draw(image)
    pen.text((8, 8), title, _INK, font=large)
    for k, name in enumerate(columns):
        pen.text((left + k * (side + _GAP) + side / 2, 46), _short(name), _INK, font=small, anchor="ms")
    for r, name in enumerate(rows):
        top = 52 + r * (side + _GAP)
        pen.text((left - 8, top + side / 2), _short(name), _INK, font=small, anchor="rm")
        for k, index in enumerate(cells[r]):
            place = (left + k * (side + _GAP), top)
            try:
                pixels = None if index is None else picture(index)
            except ValueError:
                pixels = None
            if pixels is None:
                pen.rectangle((*place, place[0] + side - 1, place[1] + side - 1), outline=(200, 200, 195))
            else:
                image.paste(Image.fromarray(pixels), place)
    return image
