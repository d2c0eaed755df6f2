"""What every augmentation keeps: images of any size stay images, and a key determines the change.

Tests take a fixture `plugin`, the augmentation's module.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest


@pytest.fixture
def faces():
    """Random, black, white and grey pictures that are not square, float32 [4, 20, 16, 3]."""
    noise = np.random.default_rng(0).integers(0, 256, (20, 16, 3))
    return jnp.float32(np.stack([noise, 0 * noise, 0 * noise + 255, 0 * noise + 128]))


def each(plugin, images, count=16, seed=0):
    """Every image changed by several keys: [keys, N, H, W, C]."""
    step = plugin.build()
    keys = jax.random.split(jax.random.key(seed), count)
    return np.asarray(jax.jit(jax.vmap(jax.vmap(step, (None, 0)), (0, None)))(keys, images))


def test_images_keep_their_form_and_the_range_of_levels(plugin, faces):
    found = each(plugin, faces)
    assert found.shape[1:] == faces.shape, f"expected {list(faces.shape)}, got {list(found.shape[1:])}"
    assert found.dtype == np.float32, f"expected float32, got {found.dtype}"
    assert np.isfinite(found).all(), "a level is not finite"
    assert found.max() > 2, "levels must be in 0..255, not in 0..1"


def test_the_key_determines_the_change(plugin, faces):
    found = each(plugin, faces)
    np.testing.assert_array_equal(found, each(plugin, faces))
    assert any(not np.array_equal(one[0], found[0, 0]) for one in found[1:]), "every key gives the same"
    alone = each(plugin, faces[:1])
    np.testing.assert_allclose(found[:, :1], alone, atol=1e-2, err_msg="images depend on each other")
