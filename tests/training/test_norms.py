"""Groups of devices that share BatchNorm's statistics."""

import pytest

from dmljax.training import norms
from dmljax.types import UserError


@pytest.mark.parametrize("group", [0, 1, 2, 4, 8])
def test_whole_groups(group):
    norms.check(group, 8)


def test_groups_that_are_not_whole():
    with pytest.raises(UserError) as error:
        norms.check(4, 6)
    assert error.value.message == "must divide the 6 devices; got 4. Set one of 0, 1, 2, 3, 6"
    assert error.value.parameter == "model.batch_norm_group"
