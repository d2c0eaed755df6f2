"""Slices by name."""

import pytest

from dmljax.costs import chips
from dmljax.types import UserError


@pytest.mark.parametrize(
    ("text", "topology", "count"),
    [
        ("v5e:1x1", "v5e:1x1", 1),
        ("v5e:2x4", "v5e:2x4", 8),
        ("v6e:16x16x1", "v6e:16x16", 256),
        ("v5p:2x2x4", "v5p:2x2x4", 16),
        ("v5p:1x2x1", "v5p:1x2x1", 2),
        ("h100:1", "h100:1", 1),
        ("a100:8", "a100:8", 8),
    ],
)
def test_a_slice_by_its_name(text, topology, count):
    found = chips.slice_of(text)
    assert (found.topology, found.chips) == (topology, count)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "such as v5e:4x4 or h100:8; got ''"),
        ("v5e:4", "v5e is laid out along 2 axes, such as v5e:2x2; got 'v5e:4'"),
        ("v5e", "such as v5e:4x4 or h100:8; got 'v5e'"),
        ("v7:2x2", "knows v5e, v5p, v6e, a100, h100, h200; got 'v7'"),
        ("h100:2x4", "h100 is laid out in a row, such as h100:8; got 'h100:2x4'"),
        ("h100:16", "at most 8 GPUs, those of one machine; got 'h100:16'"),
        ("h200:0", "needs a chip along every axis; got 'h200:0'"),
        ("v5e:2x2x2", "v5e is laid out along 2 axes, such as v5e:2x2; got 'v5e:2x2x2'"),
        ("v5p:2x2", "v5p is laid out along 3 axes, such as v5p:2x2x1; got 'v5p:2x2'"),
        ("v6e:0x2", "needs a chip along every axis; got 'v6e:0x2'"),
    ],
)
def test_what_is_no_slice(text, told):
    with pytest.raises(UserError) as error:
        chips.slice_of(text)
    assert told in str(error.value) and error.value.parameter == "compile_for"
