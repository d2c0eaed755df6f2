"""From pixels to the inputs of the branches: standardised face, eyes and mouth."""

from __future__ import annotations

import jax
import jax.numpy as jnp

REGIONS = ("face", "eyes", "mouth")


def standardise(images: jax.Array) -> jax.Array:
    """Each image to mean 0 and deviation 1 over its pixels and channels (section 3.2 of the paper).

    Args:
      images: [N, H, W, C], any real dtype, any range.

    Returns:
      float32 [N, H, W, C]. The deviation is kept above 1 / sqrt(H W C), so a constant image becomes zeros.
    """
    images = images.astype(jnp.float32)
    axes = (1, 2, 3)
    pixels = images.shape[1] * images.shape[2] * images.shape[3]
    centred = images - images.mean(axes, keepdims=True)
    variance = jnp.square(centred).mean(axes, keepdims=True)
    return centred * jax.lax.rsqrt(jnp.maximum(variance, 1.0 / pixels))


def cut(images: jax.Array, region: str, *, stretch: bool = False) -> jax.Array:
    """The part of the resized face that one branch sees.

    Args:
      images: float [N, H, W, C].
      region: 'face' (all), 'eyes' (the uppermost third of the rows) or 'mouth' (the lowest third).
      stretch: resize the third back to H x W. DIFFERS: the paper does not say; kept at a third of the height
        by default.

    Returns:
      float [N, H or H // 3, W, C].
    """
    if region not in REGIONS:
        raise ValueError(f"region must be one of {', '.join(REGIONS)}, got '{region}'")
    if region == "face":
        return images
    third = images.shape[1] // 3
    part = images[:, :third] if region == "eyes" else images[:, -third:]
    return jax.image.resize(part, images.shape, "bilinear") if stretch else part
