"""Names of classes and runs in pictures: fonts that have their letters; no text is taken for a formula."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import chain

from matplotlib import font_manager

USUAL = "DejaVu Sans"  # comes with Matplotlib, and has the letters of Europe
# Fonts of coloured pictures, which are not drawn, and of boxes that stand for all letters.
_NO_LETTERS = re.compile("Emoji|Last ?Resort")


def shown(names: Sequence[str]) -> list[str]:
    """The names of classes, as a picture can show them.

    A name with a letter that no font of this machine has becomes the class's number, from 1, in the order of
    the tables.
    """
    return [name if all(map(_family, name)) else f"no. {k}" for k, name in enumerate(names, 1)]


def plain(text: str) -> str:
    """A title, with ? for letters that no font of this machine has."""
    return "".join(letter if _family(letter) else "?" for letter in text)


def settings(texts: Iterable[str]) -> dict:
    """Matplotlib's settings under which these texts are drawn letter by letter."""
    families = dict.fromkeys((USUAL, *filter(None, map(_family, sorted(set(chain(*texts)))))))
    return {"font.family": list(families), "text.parse_math": False}


def file(text: str) -> str:
    """The file of a font that has the letters of a text, or most of them."""
    families = [_family(letter) for letter in text if not letter.isspace()]
    rare = next((family for family in families if family not in ("", USUAL)), USUAL)
    return font_manager.findfont(rare)


@cache
def _family(letter: str) -> str:
    """A font that has a letter, '' where there is none."""
    if ord(letter) in _letters(font_manager.findfont(USUAL)) or not letter.isprintable():
        return USUAL
    for font in sorted(font_manager.fontManager.ttflist, key=lambda font: (font.name, font.fname)):
        upright = font.style == "normal" and font.weight in (400, "normal", "regular")
        if upright and not _NO_LETTERS.search(font.name) and ord(letter) in _letters(font.fname):
            return font.name
    return ""


@cache
def _letters(file: str) -> frozenset[int]:
    try:
        return frozenset(font_manager.get_font(file).get_charmap())
    except (OSError, RuntimeError):  # a font that cannot be read any more
        return frozenset()
