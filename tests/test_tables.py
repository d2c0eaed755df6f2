"""Cells that a spreadsheet would run are quoted and read back; markup in Markdown cells is none."""

import pytest

from dmljax import tables


@pytest.mark.parametrize("cell", ["=1+1", "+cmd", "-img.png", "@sum", "\tx", "'=1", "''=1"])
def test_formulas_are_quoted_and_read_back(cell):
    assert tables.quoted(cell) == f"'{cell}" and tables.unquoted(tables.quoted(cell)) == cell


@pytest.mark.parametrize(
    "cell", ["", "a=b", "-45", "+30.5", "-1e3", "-", "-0.3 ± 0.1 %", "'quoted'", "a-b", "happy"]
)
def test_all_else_stays(cell):
    assert tables.quoted(cell) == cell and tables.unquoted(cell) == cell


def test_markup_is_none():
    assert tables.markdown("a|b *c* <d>\n`e`") == r"a\|b \*c\* \<d\> \`e\`"
    assert tables.markdown("-45") == "-45" and tables.markdown("a_b _c_") == r"a_b \_c\_"


def test_spellings():
    names, several = tables.spellings(["Joy", "joy", "joy", "nan", "fear"])
    assert names == {"Joy": "joy", "joy": "joy", "fear": "fear"} and several == [["Joy", "joy"]]
    names, _ = tables.spellings(["-45.0", "-45.0", "-45", "\N{MINUS SIGN}45", "-0", "0"], numeric=True)
    assert set(names.values()) == {"-45", "0"}
