"""Fusion of the three branches (Algorithm 2 of the paper)."""
from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp


class Fusion(nn.Module):
    """f1 = ReLU([v2, v3] W1 + b1), f2 = ReLU([v1, f1] W2 + b2); without local branches f2 = ReLU(v1 W2 + b2).

    Attributes:
      features: F, the width of f1 and f2.
      deviation: standard deviation of the initial weights (Table 1).
      dtype: of the activations.
    """

    features: int
    deviation: float
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, whole: list[jax.Array], local: list[jax.Array]) -> jax.Array:
        """whole: [v1] or []; local: those of [v2, v3] that the network has, each [N, C] -> f2 [N, F]."""
        init = nn.initializers.normal(self.deviation)
        if local:
            f1 = nn.Dense(self.features, kernel_init=init, dtype=self.dtype, name="local")(jnp.concatenate(local, -1))
            whole = [*whole, nn.relu(f1).astype(jnp.float32)]
        f2 = nn.Dense(self.features, kernel_init=init, dtype=self.dtype, name="whole")(jnp.concatenate(whole, -1))
        return nn.relu(f2)
