"""What every descriptor promises, by its file: one float32 row a picture, whatever the light, and an error
for pictures that are too small.
"""

import numpy as np
import pytest

from dmljax import plugins
from dmljax.types import UserError

NAMES = plugins.names("descriptors")


@pytest.mark.parametrize("name", NAMES)
def test_rows(name, rng):
    describe = plugins.load("descriptors", name).build()
    grey = rng.integers(0, 100, (3, 30, 24)).astype(np.uint8)
    found = describe(grey)
    assert found.ndim == 2 and len(found) == 3 and found.dtype == np.float32 and np.isfinite(found).all()
    # every picture counts the same
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), np.linalg.norm(found[0]), rtol=1e-5)
    np.testing.assert_array_equal(describe(grey[1:2])[0], found[1])
    brighter = describe(2 * grey + 20)
    assert (
        (found * brighter).sum() / (found**2).sum()
        > 0.98
        > (found[0] * found[1]).sum() / (found[0] ** 2).sum()
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_smaller_than_the_grid_is_told(name):
    with pytest.raises(UserError, match="cannot be divided into .* cells; set data.image_size higher"):
        plugins.load("descriptors", name).build()(np.zeros((1, 3, 3), np.uint8))
