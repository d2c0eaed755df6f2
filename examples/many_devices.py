# %% [markdown]
"""
# Many devices

A CPU can pose as several devices, which is enough to see that several give what one gives. On a machine
with accelerators leave the first line away. It has to come before JAX looks for devices.
"""

# %% devices
import os

os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=4"

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import PartitionSpec as P

from dmljax import losses, weightings

mesh = jax.make_mesh((4,), ("devices",), axis_types=(jax.sharding.AxisType.Auto,))
print(f"{jax.device_count()} devices")

# %% [markdown]
# ## Hardest examples of the global batch
#
# Rows are gathered from all devices, so an anchor meets every row of the batch. `masked_mean` returns a
# device's share: the mean of the shares over the devices is the mean over the batch, whatever the number of
# valid anchors on each.

# %% losses
MARGIN = 0.2


def losses_fn(params, batch, axis_name=None):
    rows = losses.normalise(batch["x"] @ params["trunk"])
    everything = (rows, batch["expression"], batch["pose"])
    if axis_name is not None:
        everything = jax.tree.map(lambda a: jax.lax.all_gather(a, axis_name, tiled=True), everything)
    every_row, expression, pose = everything
    relation = losses.pose_relation(batch["expression"], batch["pose"], expression, pose)
    triplet, valid = losses.batch_hard(losses.squared_distances(rows, every_row), *relation, margin=MARGIN)
    entropy, known = losses.cross_entropy(rows @ params["head"], batch["expression"])
    return {
        "expression": losses.masked_mean(entropy, known, axis_name=axis_name)[0],
        "triplet": losses.masked_mean(triplet, valid, axis_name=axis_name)[0],
    }


# %% [markdown]
# ## One device, and four
#
# `axis_name` is all that changes. Gradients are averaged over the devices before the strategy compares
# them.

# %% step
rng = np.random.default_rng(0)
batch = {
    "x": rng.normal(size=(40, 6)).astype(np.float32),
    "expression": np.arange(40) % 4,
    "pose": np.arange(40) // 4 % 5,
}
params = {
    "trunk": rng.normal(size=(6, 8)).astype(np.float32),
    "head": rng.normal(size=(8, 4)).astype(np.float32),
}
strategy = weightings.upgrad()
state = strategy.init(("expression", "triplet"))

one = weightings.value_and_grad(losses_fn, strategy, shared="trunk")
many = weightings.value_and_grad(
    lambda params, batch: losses_fn(params, batch, "devices"), strategy, shared="trunk", axis_name="devices"
)
spread = jax.shard_map(many, mesh=mesh, in_specs=(P(), P(), P("devices")), out_specs=P())

(alone, weights, _), gradients, _ = jax.jit(one)(params, state, batch)
(shared, their_weights, _), their_gradients, _ = jax.jit(spread)(params, state, batch)

# %% comparison
for name in alone:
    print(f"{name}: {alone[name]:.6f} on one device, {shared[name]:.6f} on four")
largest = max(
    float(jnp.abs(a - b).max())
    for a, b in zip(jax.tree.leaves((gradients, weights)), jax.tree.leaves((their_gradients, their_weights)))
)
print(f"largest difference of a gradient or weight: {largest:.1e}")
assert largest < 1e-5
