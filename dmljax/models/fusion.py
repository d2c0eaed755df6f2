"""Fusion of the three branches (Algorithm 2 of the paper)."""

from __future__ import annotations

from collections.abc import Callable
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
      norm: called with `name=` gives a module that normalises before each ReLU, or None.
    """

    features: int
    deviation: float
    dtype: Any = jnp.float32
    norm: Callable[..., nn.Module] | None = None

    @nn.compact
    def __call__(self, whole: list[jax.Array], local: list[jax.Array]) -> jax.Array:
        """whole: [v1] or []; local: those of [v2, v3] that the network has, each [N, C] -> f2 [N, F]."""
        if local:
            whole = [*whole, self._layer(jnp.concatenate(local, -1), "local")]
        return self._layer(jnp.concatenate(whole, -1), "whole")

    def _layer(self, x: jax.Array, name: str) -> jax.Array:
        init = nn.initializers.normal(self.deviation)
        x = nn.Dense(self.features, kernel_init=init, dtype=self.dtype, name=name)(x)
        if self.norm is not None:
            x = self.norm(name=f"{name}_norm")(x)
        return nn.relu(x).astype(jnp.float32)
