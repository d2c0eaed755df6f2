"""What tests look at in `objective.Result`: sums of means, and masks as arrays."""

import jax.numpy as jnp


def shares(result):
    """float32 [K], this device's shares of the losses; their mean over the devices is the loss."""
    return jnp.stack([sum(means[1:], means[0]) for means in result.losses.values])


def valid(result):
    """bool [K], whether the global batch had anything to train the task with."""
    return jnp.stack(result.losses.valid)
