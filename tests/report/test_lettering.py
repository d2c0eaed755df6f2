"""Names in pictures: letters of many scripts, and none taken for a formula."""

import warnings

import numpy as np
import pytest
from matplotlib import font_manager
from PIL import Image

from dmljax.report import lettering, plots

NOWHERE = "\U000e0041"  # no font has a letter of its own for a tag


@pytest.fixture
def two_fonts(monkeypatch):
    """One other font beside the usual one, which has what the usual one lacks."""
    usual = font_manager.findfont(lettering.USUAL)
    kana = font_manager.FontEntry(fname="kana.ttf", name="Kana", style="normal", weight=400)
    tilted = font_manager.FontEntry(fname="tilted.ttf", name="A tilted one", style="italic", weight=400)
    boxes = font_manager.FontEntry(fname="b.ttf", name="A Last Resort", style="normal", weight=400)
    has = {"b.ttf": "喜", usual: "abc $^", "kana.ttf": "み", "tilted.ttf": "み喜"}
    letters = {file: set(map(ord, text)) for file, text in has.items()}
    monkeypatch.setattr(font_manager.fontManager, "ttflist", [boxes, tilted, kana])
    monkeypatch.setattr(lettering, "_letters", lambda file: letters[file])
    lettering._family.cache_clear()
    yield
    lettering._family.cache_clear()


def test_a_font_is_found_and_a_name_that_none_has_is_a_number(two_fonts):
    assert lettering.shown(["a b", "みa", "喜び", "c"]) == ["a b", "みa", "no. 3", "c"]
    assert lettering.settings(["a", "みa"])["font.family"] == [lettering.USUAL, "Kana"]
    assert lettering.settings(["abc"])["font.family"] == [lettering.USUAL]
    assert lettering.plain("run 喜み") == "??? ?み"


def test_a_dollar_is_a_letter(tmp_path):
    """'$a^2$' is as wide as its five letters are, and 'a' with a raised 2 is not."""
    wide = {}
    for name in ("$a^2$", "aaaaa", "a"):
        plots.confusion(np.eye(1), [name], tmp_path / "c.png", title="t")
        with Image.open(tmp_path / "c.png") as picture:
            wide[name] = picture.width
    assert wide["$a^2$"] > (wide["a"] + wide["aaaaa"]) / 2


def test_pictures_of_names_without_a_font_are_drawn_without_a_word(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plots.confusion(np.eye(2), ["a", NOWHERE], tmp_path / "c.png", title=f"t {NOWHERE}")
        panel = plots.Panel("p", np.eye(2), np.array([0, 1]), ("喜び", NOWHERE))
        plots.maps([panel], tmp_path / "m.png", columns=1)
    assert (tmp_path / "m.png").stat().st_size > 1000
