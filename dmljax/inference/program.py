"""What a model computes: from the pixels of faces to probabilities, angles and embedding, in one program."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np

from dmljax.runs.record import Classes
from dmljax.training.step import forward
from dmljax.types import ANGLE_NAMES, ANGLES, EXPRESSION, POSE

PROBABILITY, EMBEDDING, YAW = "{}_probability", "embedding", "yaw"
ANGLE = "head_{}"  # of the head for angles, 'yaw', 'pitch' or 'roll'


def build(
    apply: Callable,
    classes: Classes,
    *,
    mirror: tuple[int, ...] | None,
    temperature: Mapping[str, float],
    normalise: bool,
) -> Callable[[dict, jax.Array], dict[str, jax.Array]]:
    """(variables, uint8 [N, H, W, 3]) -> outputs by name, float32 [N, ...], as far as there are heads.

    They are 'expression_probability' and 'pose_probability' [N, classes]; 'yaw' [N], degrees, the mean of the
    pose classes' yaws by their probabilities, where any class is one; 'head_yaw', 'head_pitch' and
    'head_roll' [N], degrees, of a head for angles those that it has learnt; 'embedding' [N, E].

    Args:
      apply: the network's apply function.
      mirror: pose class after a flip, for means over each image and its mirror image; None: no mirror images.
      temperature: head -> what its logits are divided by; 1 for those left out.
      normalise: whether embeddings get unit length.
    """
    yaw = np.array(classes.pose_yaw, np.float32)
    known = np.flatnonzero(~np.isnan(yaw))

    def predicted(variables: dict, images: jax.Array) -> dict[str, jax.Array]:
        found = forward(variables, images, apply, mirror)
        outputs = {}
        for head in (EXPRESSION, POSE):
            if head in found:
                logits = found[head] / np.float32(temperature.get(head, 1.0))
                outputs[PROBABILITY.format(head)] = jax.nn.softmax(logits)
        if POSE in found and len(known):
            weight = outputs[PROBABILITY.format(POSE)] @ np.eye(len(yaw), dtype=np.float32)[:, known]
            outputs[YAW] = weight @ yaw[known] / jnp.maximum(weight.sum(1), 1e-12)
        for name in classes.angles_names if ANGLES in found else ():
            outputs[ANGLE.format(name)] = found[ANGLES][:, ANGLE_NAMES.index(name)]
        embedding = found["embedding"]
        if normalise:
            length = jnp.sqrt(jnp.square(embedding).sum(1, keepdims=True))
            embedding = embedding / jnp.maximum(length, 1e-12)
        return outputs | {EMBEDDING: embedding}

    return predicted
