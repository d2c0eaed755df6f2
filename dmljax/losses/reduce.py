"""Reductions that do not depend on how many devices share a batch.

A function here returns a device's *share* of a global value: the mean of the shares over the devices is the
value, so the mean of the devices' gradients is the gradient. Counts are summed over the devices; they carry
no gradient. A sum over devices inside a differentiated loss would be counted once per device instead.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from dmljax.losses import shapes


def sum_over_devices(values: jax.Array, axis_name: str | None) -> jax.Array:
    """Sum over the devices, without a gradient; the value itself where there is no device axis.

    Example:
      >>> import jax.numpy as jnp
      >>> float(sum_over_devices(jnp.float32(3.0), None))
      3.0
    """
    values = jax.lax.stop_gradient(values)
    return values if axis_name is None else jax.lax.psum(values, axis_name)


def devices(axis_name: str | None) -> int:
    """How many devices share the batch."""
    return 1 if axis_name is None else jax.lax.axis_size(axis_name)


def masked_sum(values: jax.Array, valid: jax.Array, *, axis_name: str | None) -> jax.Array:
    """Share of the sum of `values` [N] where `valid` [N], over all devices; float32 scalar.

    Raises:
      ValueError: they have not one shape.

    Example:
      >>> import jax.numpy as jnp
      >>> float(masked_sum(jnp.array([1.0, 2.0, 4.0]), jnp.array([True, False, True]), axis_name=None))
      5.0
    """
    shapes.alike(values=values, valid=valid)
    return devices(axis_name) * jnp.where(valid, values, 0.0).sum()


def masked_mean(values: jax.Array, valid: jax.Array, *, axis_name: str | None) -> tuple[jax.Array, jax.Array]:
    """Share of the mean of `values` [N] where `valid` [N], and the number of valid ones, over all devices.

    Where nothing is valid the share is 0 and so is its gradient.

    Raises:
      ValueError: they have not one shape.

    Example:
      >>> import jax.numpy as jnp
      >>> values, valid = jnp.array([1.0, 2.0, 4.0]), jnp.array([True, False, True])
      >>> mean, count = masked_mean(values, valid, axis_name=None)
      >>> float(mean), float(count)
      (2.5, 2.0)
    """
    shapes.alike(values=values, valid=valid)
    count = sum_over_devices(valid.sum().astype(jnp.float32), axis_name)
    return masked_sum(values, valid, axis_name=axis_name) / jnp.maximum(count, 1.0), count
