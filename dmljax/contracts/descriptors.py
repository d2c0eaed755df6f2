"""What every descriptor keeps: one finite float32 row a picture, whatever else is in the batch.

Tests take a fixture `plugin`, the descriptor's module.
"""

import numpy as np


def test_a_row_a_picture(plugin):
    grey = np.random.default_rng(1).integers(0, 100, (3, 60, 48)).astype(np.uint8)
    describe = plugin.build()
    rows = describe(grey)
    assert rows.ndim == 2 and len(rows) == 3, f"expected [N, F] for 3 pictures, got {rows.shape}"
    assert rows.dtype == np.float32, f"expected float32, got {rows.dtype}"
    assert np.isfinite(rows).all(), "a feature is not finite"
    assert np.abs(rows[0] - rows[1]).max() > 0, "two different pictures have the same features"
    np.testing.assert_array_equal(describe(grey[1:2])[0], rows[1], "a row depends on the other pictures")


def test_a_flat_picture_has_finite_features(plugin):
    for level in (0, 128, 255):
        assert np.isfinite(plugin.build()(np.full((1, 60, 48), level, np.uint8))).all(), f"all pixels {level}"
