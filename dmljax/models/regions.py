"""From pixels to the inputs of the branches: standardised face, eyes and mouth."""

from __future__ import annotations

import jax
import jax.numpy as jnp

REGIONS = ("face", "eyes", "mouth")
NORMALISATIONS = ("image", "imagenet", "given")


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


def normalise(images: jax.Array, mean: tuple[float, ...], deviation: tuple[float, ...]) -> jax.Array:
    """Grey levels by a mean and a deviation of each channel, the same for all images.

    Args:
      images: [N, H, W, C], any real dtype, 0..255.
      mean, deviation: of each of the C channels, as shares of 255.

    Returns:
      float32 [N, H, W, C].
    """
    centre, spread = (jnp.asarray(values, jnp.float32)[None, None, None] for values in (mean, deviation))
    return (images.astype(jnp.float32) / 255 - centre) / spread


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
    height, third = images.shape[1], images.shape[1] // 3
    first = 0 if region == "eyes" else height - third
    part = jax.lax.slice_in_dim(images, first, first + third, axis=1)  # also of a number yet unknown
    return jax.image.resize(part, images.shape, "bilinear") if stretch else part
