"""Every descriptor of the package keeps the contract, counts pictures alike in any light, tells errors."""

import numpy as np
import pytest

from dmljax import plugins
from dmljax.contracts.descriptors import *  # noqa: F403
from dmljax.types import UserError


@pytest.fixture(params=plugins.names("descriptors"))
def plugin(request):
    return plugins.load("descriptors", request.param)


def test_every_picture_counts_the_same_whatever_the_light(plugin, rng):
    describe = plugin.build()
    grey = rng.integers(0, 100, (3, 30, 24)).astype(np.uint8)
    found = describe(grey)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), np.linalg.norm(found[0]), rtol=1e-5)
    brighter = describe(2 * grey + 20)
    assert (
        (found * brighter).sum() / (found**2).sum()
        > 0.98
        > (found[0] * found[1]).sum() / (found[0] ** 2).sum()
    )


def test_a_picture_smaller_than_the_grid_is_told(plugin):
    with pytest.raises(UserError, match="cannot be divided into .* cells; set data.image_size higher"):
        plugin.build()(np.zeros((1, 3, 3), np.uint8))
