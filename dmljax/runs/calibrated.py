"""The temperatures of a run: fitted on validation people, kept with its evaluation, read by predictions."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dmljax import config_differences, run_folder, writing
from dmljax.metrics import calibration
from dmljax.runs.trained import Opened
from dmljax.types import EXPRESSION, INDEX, POSE, Samples, UserError


def folder(run: Path, *, flip: bool) -> Path:
    """Where the temperatures for plain predictions lie, or those for means over mirror images."""
    return run / (run_folder.EVALUATION + (run_folder.FLIPPED if flip else ""))


def fit(opened: Opened) -> dict:
    """The content of calibration.json: temperatures by validation people who are in no test image.

    Returns:
      'checkpoint', 'step', 'flip', 'config_digest': what they are for; 'images', 'people': by what they were
      fitted; 'temperature': of 'expression' and 'pose', as far as there is one.
    """
    chosen = apart(opened.samples, opened.validation, opened.test)
    found = opened.predict(opened.variables, chosen) if len(chosen) else {}
    temperature = {}
    for head in (EXPRESSION, POSE):
        if head in found:
            labels = getattr(opened.samples, head)[found[INDEX]]
            fitted = calibration.temperature(found[head], labels)
            temperature |= {} if fitted is None else {head: fitted}
    people = len(np.unique(opened.samples.identity[chosen]))
    mark = _mark(opened.config, opened.checkpoint, opened.step, opened.flip)
    return {**mark, "images": len(chosen), "people": people, "temperature": temperature}


def apart(samples: Samples, validation: np.ndarray | None, test: np.ndarray) -> np.ndarray:
    """The validation samples whose person is known and in no test image."""
    if validation is None:
        return np.zeros(0, np.int32)
    identity = samples.identity[validation]
    return validation[(identity >= 0) & ~np.isin(identity, samples.identity[test])]


def write(place: Path, content: dict) -> None:
    """Writes calibration.json into the folder of an evaluation."""
    place.mkdir(parents=True, exist_ok=True)
    writing.as_json(place / run_folder.CALIBRATION, run_folder.with_digest(content))


def of(opened: Opened) -> dict[str, float]:
    """The temperatures that are kept in a run's folder for what is open; {} where there are none."""
    how = {"checkpoint": opened.checkpoint, "step": opened.step, "flip": opened.flip}
    return read(opened.run, opened.config, **how)


def read(run: Path, config, *, checkpoint: str, step: int, flip: bool) -> dict[str, float]:
    """The temperatures of a run's heads; {} where none were fitted for this checkpoint.

    Raises:
      UserError: the file was changed, or cannot be read.
    """
    path = folder(run, flip=flip) / run_folder.CALIBRATION
    if not path.exists():
        return {}
    found = run_folder.undamaged(path)
    mark = _mark(config, checkpoint, step, flip)
    if any(found.get(key) != value for key, value in mark.items()):
        return {}
    temperature = found.get("temperature")
    if not isinstance(temperature, dict) or not all(_is_one(value) for value in temperature.values()):
        raise UserError(f"'{path}' has no temperatures above 0; evaluate the run again")
    return {head: float(value) for head, value in temperature.items()}


def _mark(config, checkpoint: str, step: int, flip: bool) -> dict:
    """What temperatures belong to."""
    of_config = {run_folder.CONFIG_DIGEST: config_differences.digest(config)}
    return {"checkpoint": checkpoint, "step": step, "flip": flip, **of_config}


def _is_one(value) -> bool:
    return isinstance(value, int | float) and 0 < value < float("inf")
