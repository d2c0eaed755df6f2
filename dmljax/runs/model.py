"""A trained run as a model: photographs in; expressions, poses and embeddings out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from dmljax import config as configuration
from dmljax import plugins, run_folder
from dmljax.data import images as reading
from dmljax.preparation import crop
from dmljax.runs import assemble, record
from dmljax.runs.record import Classes
from dmljax.runs.trained import EMBEDDING, read_checkpoint, spaces
from dmljax.types import UserError

BATCH = 32  # images that go through the network at a time; the last ones are padded, so that it compiles once


class Predictions(NamedTuple):
    """What a model says of N images.

    Attributes:
      expression: the likeliest class of each, N texts.
      expression_probability: float32 [N, classes], in the order of `Model.classes`.
      pose: the likeliest pose class of each, N texts; None for a model without a pose head.
      pose_probability: float32 [N, poses], or None.
      yaw: degrees, float32 [N]: mean of the classes' yaws, weighted by their probabilities; positive to the
        person's own left. nan where no class is a yaw; None without a pose head.
      embedding: float32 [N, E], of unit length if it was trained so.
    """

    expression: np.ndarray
    expression_probability: np.ndarray
    pose: np.ndarray | None
    pose_probability: np.ndarray | None
    yaw: np.ndarray | None
    embedding: np.ndarray


class Model:
    """A trained network with what belongs to it: classes, image size, normalisation. Made by `load`.

    Attributes:
      classes: see `Classes`.
      image_size: side in pixels of the square images that the network sees.

    Example:
      >>> import dmljax, numpy as np
      >>> predictions = dmljax.load("runs/quick").predict(np.zeros((2, 60, 50, 3), np.uint8))
      >>> predictions.expression_probability.shape, predictions.yaw.shape
      ((2, 7), (2,))
    """

    def __init__(self, config, classes: Classes, variables: dict):
        self.classes, self.image_size = classes, config.data.image_size
        self._config = config
        net = assemble.network(config, classes)
        self._apply = jax.jit(partial(net.apply, variables, train=False))

    def predict(self, images, *, boxes=None, detector: str | None = None) -> Predictions:
        """Expressions, poses and embeddings of faces.

        Args:
          images: uint8 [N, H, W, 3] or one [H, W, 3], RGB; or a sequence of images of any size, grey ones [H,
            W] among them, and of paths of files. They are resized as in training.
          boxes: [N, 4], left, top, right, bottom of each face in pixels, cut out as they are; None: whole
            images.
          detector: a face detector by name, such as 'mtcnn', that finds the boxes instead.

        Raises:
          ValueError: an image that cannot be read, a box outside, or no face in an image; the text names
            which.
          TypeError: images of another kind.
        """
        found = self._outputs(self._pixels(images, boxes, detector))
        expression, names = _softmax(found["expression"]), np.array(self.classes.expression_names)
        pose = _softmax(found["pose"]) if "pose" in found else None
        return Predictions(
            expression=names[expression.argmax(1)],
            expression_probability=expression,
            pose=None if pose is None else np.array(self.classes.pose_names)[pose.argmax(1)],
            pose_probability=pose,
            yaw=None if pose is None else _mean_yaw(pose, np.array(self.classes.pose_yaw, np.float32)),
            embedding=spaces(found, self._config)[EMBEDDING],
        )

    def embed(self, images, *, boxes=None, detector: str | None = None) -> np.ndarray:
        """The embedding alone, float32 [N, E]; arguments as of `predict`."""
        return spaces(self._outputs(self._pixels(images, boxes, detector)), self._config)[EMBEDDING]

    def _pixels(self, images, boxes, detector: str | None) -> np.ndarray:
        """uint8 [N, size, size, 3]."""
        several = [images] if isinstance(images, str | Path) or getattr(images, "ndim", 4) < 4 else images
        if not isinstance(several, np.ndarray | Sequence):
            raise TypeError(f"images must be arrays or paths; got {type(images).__name__}")
        if boxes is not None and len(boxes) != len(several):
            raise ValueError(f"{len(several)} images need as many boxes; got {len(boxes)}")
        find = plugins.load("detectors", detector).build(side=self._config.crop.side) if detector else None
        pixels = np.zeros((len(several), self.image_size, self.image_size, 3), np.uint8)
        for k, image in enumerate(several):
            name = str(image) if isinstance(image, str | Path) else f"image {k}"
            try:
                raw = _raw(image)
                box: Any = None if boxes is None else tuple(int(edge) for edge in boxes[k])
                pixels[k] = reading.fit(raw, self._found(find, raw) if find else box, self.image_size)
            except UserError:
                raise
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
        return pixels

    def _found(self, find, raw):
        picture, _ = reading.decode(raw)
        face = find(np.asarray(picture))
        if face is None:
            raise ValueError("no face was found; give boxes=, or another detector=")
        return crop.square(face, self._config.crop.margin, *picture.size)

    def _outputs(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        parts: list[dict] = []
        for first in range(0, len(pixels), BATCH):
            part = pixels[first : first + BATCH]
            padded = np.concatenate([part, np.zeros((BATCH - len(part), *part.shape[1:]), np.uint8)])
            found = jax.device_get(self._apply(padded))
            heads = {"expression": found.expression_logits, "pose": found.pose_logits}
            kept = {EMBEDDING: found.embedding, "fused": found.fused, **heads}
            parts.append({key: value[: len(part)] for key, value in kept.items() if value is not None})
        if not parts:
            raise ValueError("there is no image to predict; give at least one")
        return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def load(run: str | Path, *, checkpoint: str = "last") -> Model:
    """A trained run as a model.

    Args:
      run: the folder of a training.
      checkpoint: 'last' or 'best'; the moving averages of its weights are taken.

    Raises:
      UserError: the folder holds no trained run, or one that cannot be read.

    Example:
      >>> import dmljax
      >>> dmljax.load("runs/quick").classes.pose_names
      ('-90', '-45', '0', '45', '90')
    """
    if not isinstance(run, str | Path):
        raise TypeError(f"run must be the path of a run's folder; got {type(run).__name__}")
    run = run_folder.named(run)
    config = configuration.read(run)
    classes = record.read_classes(run)
    saved = read_checkpoint(run, checkpoint, config)
    record.check(run, run_folder.CLASSES, saved)
    return Model(config, classes, saved.averages)


def _raw(image) -> bytes | np.ndarray:
    if isinstance(image, str | Path):
        try:
            return Path(image).read_bytes()
        except OSError as error:
            raise ValueError(f"cannot be opened ({error.strerror or error})") from None
    pixels = np.asarray(image)
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or channels not in (1, 3, 4) or not pixels.size:
        form = f"{pixels.dtype} {list(pixels.shape)}"
        raise ValueError(f"is {form}; expected uint8 [H, W], [H, W, 3] or [H, W, 4], not empty")
    return pixels


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def _mean_yaw(probability: np.ndarray, yaw: np.ndarray) -> np.ndarray:
    """Over the classes that are yaws."""
    known = ~np.isnan(yaw)
    weight = probability[:, known]
    return (
        weight @ yaw[known] / np.maximum(weight.sum(1), 1e-12)
        if known.any()
        else np.full(len(weight), np.nan)
    )
