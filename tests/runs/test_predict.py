"""Predictions of a feed, plain and as the mean over each image and its mirror image."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dmljax.training.step import SEED, eval_step
from dmljax.types import EXPRESSION, IDENTITY, IMAGE, INDEX, MISSING, POSE, Outputs

pytestmark = pytest.mark.usefixtures("standard_promotion")


def test_the_mean_over_an_image_and_its_mirror_image(rng):
    """A linear network; pose 0 and 2 are mirrors, 1 and 3 are their own."""
    weights = rng.normal(size=(4 * 6 * 3, 3 + 4)).astype(np.float32)
    images = rng.integers(0, 256, (5, 4, 6, 3)).astype(np.uint8)

    def apply(variables, x, *, train):
        del train
        logits = x.reshape(len(x), -1).astype(jnp.float32) @ variables
        return Outputs(logits[:, :2], logits[:, :3], logits[:, 3:], logits[:, :2])

    labels = {key: np.zeros((1, 5), np.int32) for key in (EXPRESSION, POSE, IDENTITY)}
    batch = {INDEX: np.arange(5, dtype=np.int32)[None], IMAGE: images[None], **labels, SEED: np.uint32(0)}
    plain, mirrored = (
        jax.jit(lambda v, b, m=m: eval_step(v, b, apply, m))(weights, batch) for m in (None, (2, 1, 0, 3))
    )
    straight, flipped = (x.reshape(5, -1).astype(np.float64) @ weights for x in (images, images[:, :, ::-1]))
    np.testing.assert_allclose(plain[EXPRESSION], straight[:, :3], rtol=1e-4, atol=1e-2)
    np.testing.assert_allclose(mirrored[EXPRESSION], (straight + flipped)[:, :3] / 2, rtol=1e-4, atol=1e-2)
    np.testing.assert_allclose(
        mirrored[POSE], (straight[:, 3:] + flipped[:, 3:][:, [2, 1, 0, 3]]) / 2, rtol=1e-4, atol=1e-2
    )
    np.testing.assert_array_equal(mirrored["embedding"], plain["embedding"])
    with pytest.raises(ValueError, match="every pose needs a mirror class"):
        eval_step(weights, batch, apply, (2, 1, 0, MISSING))
