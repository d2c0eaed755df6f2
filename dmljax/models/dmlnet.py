"""DML-Net: three branches, fusion, embedding, and the heads for expression and pose."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from dmljax.models.fusion import Fusion
from dmljax.models.regions import REGIONS, cut, standardise
from dmljax.types import Outputs

# Top-level parameter groups, by which phases freeze and unfreeze.
TRUNK, EXPRESSION_HEAD, POSE_HEAD = "trunk", "expression_head", "pose_head"


def perturbed(variables: dict, offset: jax.Array) -> dict:
    """The variables with `offset` [N, F] added to f2: a gradient with respect to it is the gradient with
    respect to f2.
    """
    return {**variables, "perturbations": {TRUNK: {"f2": offset}}}


class Head(nn.Module):
    """A fully connected layer and a softmax layer on the embedding: [N, E] -> logits, float32 [N,
    classes].
    """

    classes: int
    hidden: int
    deviation: float
    softmax_deviation: float
    dtype: Any

    @nn.compact
    def __call__(self, embedding: jax.Array) -> jax.Array:
        hidden = nn.Dense(self.hidden, kernel_init=nn.initializers.normal(self.deviation), dtype=self.dtype)(
            embedding
        )
        return nn.Dense(self.classes, kernel_init=nn.initializers.normal(self.softmax_deviation))(
            nn.relu(hidden).astype(jnp.float32)
        )


class Trunk(nn.Module):
    """Standardised images [N, H, W, C] -> (embedding [N, E], f2 [N, F]), both float32."""

    backbone: Callable[..., nn.Module]
    branches: tuple[str, ...]
    fused: int
    embedding: int
    deviation: float
    stretch: bool
    dtype: Any
    batch_norm: bool
    axis_name: str | None

    @nn.compact
    def __call__(self, images: jax.Array, *, train: bool) -> tuple[jax.Array, jax.Array]:
        views = {
            region: self.backbone(name=region)(cut(images, region, stretch=self.stretch), train=train)
            for region in REGIONS
            if region in self.branches
        }
        norm = None
        if self.batch_norm:
            axis = None if self.is_initializing() else self.axis_name
            norm = partial(
                nn.BatchNorm, use_running_average=not train, momentum=0.9, dtype=self.dtype, axis_name=axis
            )
        f2 = Fusion(self.fused, self.deviation, self.dtype, norm, name="fusion")(
            [views[r] for r in views if r == "face"], [views[r] for r in views if r != "face"]
        )
        # where gradients on the representation are taken; nothing unless a perturbation is given
        f2 = self.perturb("f2", f2)
        embedding = nn.Dense(
            self.embedding,
            kernel_init=nn.initializers.normal(self.deviation),
            dtype=self.dtype,
            name="embedding",
        )(f2)
        if norm is not None:
            embedding = norm(name="embedding_norm")(embedding)
        return embedding.astype(jnp.float32), f2.astype(jnp.float32)


class DMLNet(nn.Module):
    """The network of the paper's section 3; parts can be taken away for the ablation.

    Attributes:
      backbone: called with `name=` gives a module [N, H, W, C] -> [N, features] that takes `train`.
      expressions: number of expression classes.
      poses: number of pose classes; 0 for a network without a pose head.
      branches: which of 'face', 'eyes', 'mouth' there are.
      fused, embedding, hidden: widths of f2, of the embedding and of the heads' hidden layer.
      deviation, softmax_deviation: standard deviations of the initial weights of fully connected and softmax
        layers.
      stretch: resize eyes and mouth to the size of the face.
      dtype: of the activations; embedding, logits and parameters are float32.
      batch_norm: BatchNorm in the fusion (before each ReLU) and on the embedding. DIFFERS: the paper names
        none. Pooled features share a large common part; without it the embeddings start almost parallel, and
        batch-hard mining then draws them into one point.
      axis_name: device axis over which that BatchNorm is synchronised, or None.
      centres: learn a centre of the embedding for each expression, for losses that want one.
    """

    backbone: Callable[..., nn.Module]
    expressions: int
    poses: int
    branches: tuple[str, ...] = REGIONS
    fused: int = 512
    embedding: int = 128
    hidden: int = 128
    deviation: float = 0.04
    softmax_deviation: float = 1 / 512
    stretch: bool = False
    dtype: Any = jnp.float32
    batch_norm: bool = False
    axis_name: str | None = None
    centres: bool = False

    @nn.compact
    def __call__(self, images: jax.Array, *, train: bool) -> Outputs:
        """images: [N, H, W, 3], grey levels in any range (they are standardised here)."""
        trunk = Trunk(
            self.backbone,
            self.branches,
            self.fused,
            self.embedding,
            self.deviation,
            self.stretch,
            self.dtype,
            self.batch_norm,
            self.axis_name,
            name=TRUNK,
        )
        embedding, f2 = trunk(standardise(images), train=train)

        def head(classes: int, name: str) -> jax.Array:
            return Head(classes, self.hidden, self.deviation, self.softmax_deviation, self.dtype, name=name)(
                embedding
            )

        expression = head(self.expressions, EXPRESSION_HEAD)
        pose = head(self.poses, POSE_HEAD) if self.poses else None
        shape = (self.expressions, self.embedding)
        centres = (
            self.param("centres", nn.initializers.normal(self.deviation), shape) if self.centres else None
        )
        return Outputs(embedding, expression, pose, f2, centres)
