"""What is exported: a run's network, from pixels to probabilities, as one function of JAX; and its record."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import dmljax
from dmljax import config_differences
from dmljax.inference.exported import LAYOUT
from dmljax.inference.of_run import OfRun
from dmljax.inference.predictions import Predictions
from dmljax.runs import record
from dmljax.training.step import forward
from dmljax.types import ANGLE_NAMES, ANGLES, EXPRESSION, POSE

INPUT, EMBEDDING, YAW = "images", "embedding", "yaw"


class Source(NamedTuple):
    """What a format writes.

    Attributes:
      model: of the run.
      function: uint8 [N, size, size, 3] -> outputs by name, float32 [N, ...], with all weights inside.
      outputs: shape of each without N: 'expression_probability' and 'pose_probability' [classes] and 'yaw'
        (), degrees, as far as there are heads and yaws; 'head_yaw', 'head_pitch' and 'head_roll' (), degrees,
        as far as a head for angles has learnt them; 'embedding' [E].
      metadata: what a file says of itself, as JSON can hold it.
    """

    model: OfRun
    function: Callable[[jax.Array], dict[str, jax.Array]]
    outputs: dict[str, tuple[int, ...]]
    metadata: dict[str, Any]


def of(model: OfRun, run: Path, *, checkpoint: str, form: str, licence: str) -> Source:
    """The source of an export.

    Args:
      model: of the run.
      run: its folder.
      checkpoint: 'last' or 'best', which the model has.
      form: name of the format.
      licence: as the user states it.
    """
    function = program(model)
    size = model.image_size
    shapes = jax.eval_shape(function, jax.ShapeDtypeStruct((1, size, size, 3), np.uint8))
    outputs = {name: shape.shape[1:] for name, shape in shapes.items()}
    crop = {name: model.config.crop[name] for name in ("rule", "margin", "side", "missed")}
    yaw = [None if angle != angle else angle for angle in model.classes.pose_yaw]  # JSON knows no nan
    metadata = {
        "layout": LAYOUT,
        "format": form,
        "run": run.resolve().name,
        "checkpoint": checkpoint,
        "step": model.step,
        "config_digest": config_differences.digest(model.config),
        "weights_digest": model.digest,
        "expression_names": list(model.classes.expression_names),
        "pose_names": list(model.classes.pose_names),
        "pose_yaw": yaw,
        "angles_names": list(model.classes.angles_names),
        "input": f"{INPUT}: uint8 [N, {size}, {size}, 3], RGB, a face that is cut out and resized",
        "outputs": {name: ["N", *shape] for name, shape in outputs.items()},
        "image_size": size,
        "crop": crop,
        "flip": model.flip,
        "temperature": model.temperature,
        "licence": licence,
        "versions": {"dmljax": dmljax.__version__, **record.versions()},
    }
    return Source(model, function, outputs, metadata)


def program(model: OfRun) -> Callable[[jax.Array], dict[str, jax.Array]]:
    """pixels -> probabilities, angles and embedding; what `Model.predict` makes of faces that are cut out."""
    variables, apply = jax.device_get(model.variables), model.net.apply
    yaw = np.array(model.classes.pose_yaw, np.float32)
    known = np.flatnonzero(~np.isnan(yaw))
    normalise = model.config.losses.normalise

    def predicted(images: jax.Array) -> dict[str, jax.Array]:
        found = forward(variables, images, apply, model.mirror)
        outputs = {}
        for head in (EXPRESSION, POSE):
            if head in found:
                logits = found[head] / np.float32(model.temperature.get(head, 1.0))
                outputs[f"{head}_probability"] = jax.nn.softmax(logits)
        if POSE in found and len(known):
            weight = outputs[f"{POSE}_probability"] @ np.eye(len(yaw), dtype=np.float32)[:, known]
            outputs[YAW] = weight @ yaw[known] / jnp.maximum(weight.sum(1), 1e-12)
        for name in model.classes.angles_names if ANGLES in found else ():
            outputs[f"head_{name}"] = found[ANGLES][:, ANGLE_NAMES.index(name)]
        embedding = found["embedding"]
        if normalise:
            length = jnp.sqrt(jnp.square(embedding).sum(1, keepdims=True))
            embedding = embedding / jnp.maximum(length, 1e-12)
        return outputs | {EMBEDDING: embedding}

    return predicted


def of_predictions(predictions: Predictions, names: Iterable[str]) -> dict[str, np.ndarray]:
    """The outputs of an export by their names, of what a model predicts."""
    known = predictions._asdict() | predictions.columns()
    return {name: known[name] for name in names}
