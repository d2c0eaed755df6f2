"""DML-Net: three branches, fusion, embedding, and the heads for expression, pose and angles."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from dmljax.models.fusion import Fusion
from dmljax.models.regions import REGIONS, cut, normalise, standardise
from dmljax.types import ANGLE_NAMES, Outputs

# Top-level parameter groups, by which phases freeze and unfreeze.
TRUNK, EXPRESSION_HEAD, POSE_HEAD, ANGLES_HEAD = "trunk", "expression_head", "pose_head", "angles_head"

# What a head may see: the embedding e, or the fused feature f2. The paper can be read both ways.
HEAD_INPUTS = ("embedding", "fused")

# Heads for angles: three numbers, or a softmax over bins for each.
HUBER, BINNED = ANGLE_KINDS = ("huber", "binned")
UNIT = 30.0  # degrees that an output 1 of a head for angles without bins stands for


def perturbed(variables: dict, offset: jax.Array) -> dict:
    """The variables with `offset` [N, F] added to f2: a gradient with respect to it is the gradient with
    respect to f2.
    """
    return {**variables, "perturbations": {TRUNK: {"f2": offset}}}


class Head(nn.Module):
    """A fully connected layer and a softmax layer: features [N, F] -> logits, float32 [N, classes]."""

    classes: int
    hidden: int
    deviation: float
    softmax_deviation: float
    dtype: Any
    dropout: float

    @nn.compact
    def __call__(self, features: jax.Array, *, train: bool) -> jax.Array:
        if self.dropout:
            features = nn.Dropout(self.dropout, deterministic=not train)(features)
        hidden = nn.Dense(self.hidden, kernel_init=nn.initializers.normal(self.deviation), dtype=self.dtype)(
            features
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
      expressions: number of expression classes; 0 for a network without an expression head.
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
      expression_input, pose_input, angles_input: what each head sees, of `HEAD_INPUTS`.
      angles: those of 'yaw', 'pitch' and 'roll' that the head for angles tells, the others are nan; () for a
        network without such a head.
      angle_bins: 0: that head gives three numbers; else the number of bins, equally wide and symmetric about
        0, over which it has a softmax for each angle. An angle is then the mean of the bins' middles (Ruiz,
        Chong and Rehg, "Fine-grained head pose estimation without keypoints", arXiv:1710.00925).
      angle_bin: width of these bins in degrees.
      dropout: share of that which is dropped in training; draws from the random numbers 'dropout'.
      pixels: (mean, deviation) of the channels by which all images are normalised, as shares of 255; empty:
        each image is standardised by its own.
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
    expression_input: str = HEAD_INPUTS[0]
    pose_input: str = HEAD_INPUTS[0]
    angles_input: str = HEAD_INPUTS[0]
    angles: tuple[str, ...] = ()
    angle_bins: int = 0
    angle_bin: float = 3.0
    dropout: float = 0.0
    pixels: tuple[tuple[float, ...], ...] = ()

    @nn.compact
    def __call__(self, images: jax.Array, *, train: bool) -> Outputs:
        """images: [N, H, W, 3], grey levels in 0..255 (of any range where images are standardised)."""
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
        normal = normalise(images, *self.pixels) if self.pixels else standardise(images)
        embedding, f2 = trunk(normal, train=train)

        def head(classes: int, name: str, seen: str) -> jax.Array:
            widths = classes, self.hidden, self.deviation, self.softmax_deviation
            made = Head(*widths, self.dtype, self.dropout, name=name)
            return made({"embedding": embedding, "fused": f2}[seen], train=train)

        numbers = len(ANGLE_NAMES) * max(self.angle_bins, 1) if self.angles else 0
        heads = (
            (self.expressions, EXPRESSION_HEAD, self.expression_input),
            (self.poses, POSE_HEAD, self.pose_input),
            (numbers, ANGLES_HEAD, self.angles_input),
        )
        expression, pose, angles = (head(*one) if one[0] else None for one in heads)
        shape = (self.expressions, self.embedding)
        centres = (
            self.param("centres", nn.initializers.normal(self.deviation), shape) if self.centres else None
        )
        return Outputs(embedding, expression, pose, f2, centres, *self._angles(angles))

    def _angles(self, found: jax.Array | None) -> tuple[jax.Array | None, jax.Array | None]:
        """(degrees [N, 3], logits of the bins [N, 3, bins]), as far as there are any."""
        if found is None:
            return None, None
        told = jnp.array([name in self.angles for name in ANGLE_NAMES])[None]
        if not self.angle_bins:
            return jnp.where(told, UNIT * found, jnp.nan), None
        logits = found.reshape(len(found), len(ANGLE_NAMES), self.angle_bins)
        numbered = jnp.arange(self.angle_bins, dtype=jnp.float32)
        middles = self.angle_bin * (numbered - (self.angle_bins - 1) / 2)
        means = (jax.nn.softmax(logits) * middles[None, None]).sum(-1)
        return jnp.where(told, means, jnp.nan), logits
