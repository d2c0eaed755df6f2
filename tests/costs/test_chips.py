"""Slices by name."""

import pytest

from dmljax.costs import chips
from dmljax.types import UserError


@pytest.mark.parametrize(
    ("text", "topology", "count", "host"),
    [
        ("v5e:1x1", "v5e:1x1", 1, (1, 1, 1)),
        ("v5e:2x4", "v5e:2x4", 8, (2, 2, 1)),
        ("v6e:16x16x1", "v6e:16x16", 256, (2, 2, 1)),
        ("v5p:2x2x4", "v5p:2x2x4", 16, (2, 2, 1)),
        ("v5p:1x2x1", "v5p:1x2x1", 2, (1, 2, 1)),
    ],
)
def test_a_slice_by_its_name(text, topology, count, host):
    found = chips.slice_of(text)
    assert (found.topology, found.chips, found.host) == (topology, count, host)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "such as v5e:4x4; got ''"),
        ("v5e:4", "such as v5e:4x4; got 'v5e:4'"),
        ("v5e", "such as v5e:4x4; got 'v5e'"),
        ("v7:2x2", "knows v5e, v5p, v6e; got 'v7'"),
        ("v5e:2x2x2", "v5e is laid out along 2 axes, such as v5e:2x2; got 'v5e:2x2x2'"),
        ("v5p:2x2", "v5p is laid out along 3 axes, such as v5p:2x2x1; got 'v5p:2x2'"),
        ("v6e:0x2", "needs a chip along every axis; got 'v6e:0x2'"),
    ],
)
def test_what_is_no_slice(text, told):
    with pytest.raises(UserError) as error:
        chips.slice_of(text)
    assert told in str(error.value) and error.value.parameter == "compile_for"
