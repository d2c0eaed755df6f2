"""What is exported: a run's network, from pixels to probabilities, as one function of JAX; and its record."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from dmljax import config_differences
from dmljax.inference.exported import LAYOUT
from dmljax.inference.of_run import OfRun
from dmljax.inference.predictions import Predictions
from dmljax.preparation import opening
from dmljax.report.rendered import is_rendered
from dmljax.runs import record

INPUT = "images"


class Source(NamedTuple):
    """What a format writes.

    Attributes:
      model: of the run.
      function: uint8 [N, size, size, 3] -> outputs by name, float32 [N, ...], with all weights inside.
      outputs: shape of each without N; see `inference.program`.
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
    function = partial(model.program, jax.device_get(model.variables))
    size = model.image_size
    shapes = jax.eval_shape(function, jax.ShapeDtypeStruct((1, size, size, 3), np.uint8))
    outputs = {name: shape.shape[1:] for name, shape in shapes.items()}
    crop = {name: model.config.crop[name] for name in ("rule", "margin", "side", "missed")}
    metadata = {
        "layout": LAYOUT,
        "format": form,
        "run": run.resolve().name,
        "sets": [f"{place.name}{_rendered(place.name)}" for place in opening.places(model.config)],
        "checkpoint": checkpoint,
        "step": model.step,
        "config_digest": config_differences.digest(model.config),
        "weights_digest": model.digest,
        **model.classes.as_json(),
        "input": f"{INPUT}: uint8 [N, {size}, {size}, 3], RGB, a face that is cut out and resized",
        "outputs": {name: ["N", *shape] for name, shape in outputs.items()},
        "image_size": size,
        "crop": crop,
        "flip": model.flip,
        "temperature": model.temperature,
        "licence": licence,
        "versions": record.versions(),
    }
    return Source(model, function, outputs, metadata)


def _rendered(name: str) -> str:
    return " (rendered faces, nobody's)" if is_rendered(name) else ""


def of_predictions(predictions: Predictions, names: Iterable[str]) -> dict[str, np.ndarray]:
    """The outputs of an export by their names, of what a model predicts."""
    known = predictions._asdict() | predictions.columns()
    return {name: known[name] for name in names}
