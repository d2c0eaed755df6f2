"""A trained network as a model: photographs in; expressions, poses and embeddings out."""

from __future__ import annotations

import abc
import os
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from PIL import Image

from dmljax.inference import faces as finding
from dmljax.inference.options import BATCH
from dmljax.inference.predictions import Predictions, named
from dmljax.inference.program import ANGLE, EMBEDDING, PROBABILITY
from dmljax.inference.raw import raw
from dmljax.runs.record import Classes
from dmljax.types import ANGLE_NAMES, AXIS, EXPRESSION, POSE, UserError


class Model(abc.ABC):
    """A trained network with what belongs to it: classes, crop, image size, normalisation. Made by `load`.

    Attributes:
      classes: see `Classes`.
      image_size: side in pixels of the square images that the network sees.
      batch: images that go through the network at a time, over all devices; the last ones are padded, so that
        it is compiled once, and once more for one image alone.
      temperature: by which logits are divided before they become probabilities, 'expression' and 'pose'; {}
        where they are not calibrated.
      flip: whether predictions are means over each image and its mirror image.
      step: after how many steps of the training the weights were taken.
      config: the run's configuration, or what is known of it.

    Example:
      >>> import dmljax, numpy as np
      >>> predictions = dmljax.load("runs/quick").predict(np.zeros((2, 60, 50, 3), np.uint8))
      >>> predictions.expression_probability.shape, predictions.yaw.shape
      ((2, 7), (2,))
    """

    # of a subclass: jitted (*_before, uint8 [B, size, size, 3]) -> outputs, see `program.build`
    _compute: Any
    _before: tuple

    def __init__(
        self,
        config,
        classes: Classes,
        *,
        temperature: dict[str, float] | None = None,
        flip: bool = False,
        batch: int = BATCH,
        step: int = 0,
    ):
        self.step = step
        self.classes, self.image_size = classes, config.data.image_size
        self.temperature, self.flip = dict(temperature or {}), flip
        self.config = config
        devices = jax.local_devices()
        self.batch = -(-batch // len(devices)) * len(devices)
        mesh = Mesh(np.array(devices), (AXIS,))
        self._rows, self._everywhere = (
            NamedSharding(mesh, PartitionSpec(AXIS)),
            NamedSharding(mesh, PartitionSpec()),
        )

    @property
    @abc.abstractmethod
    def digest(self) -> str:
        """32 hexadecimal digits that tell this network's weights from others."""

    def predict(
        self, images, *, boxes=None, faces: str | None = None, margin: float | None = None
    ) -> Predictions:
        """Expressions, poses and embeddings of faces, one an image.

        Images are read, turned upright, cut and resized as in training. Without `boxes` and `faces` the face
        is found by the detector that the run's own set was cropped by; of a run without a detector, images
        are taken whole.

        Args:
          images: uint8 or uint16 [N, H, W, 3] or one [H, W, 3], RGB; or a sequence of images of any size,
            grey ones [H, W] and ones with transparency [H, W, 4] among them, of paths of files, and of images
            that Pillow opened.
          boxes: [N, 4], left, top, right, bottom of each face in pixels of the upright image.
          faces: 'whole', or a face detector by name, such as 'mtcnn', which finds the boxes.
          margin: added on each side of a box as a share of its longer side, which is then made square; None:
            as the run's set was cropped, where windows of the set and given boxes are cut out as they are.

        Raises:
          ValueError: an image that cannot be read, a box outside, or no face in an image; the text names
            which.
          TypeError: images of another kind.
        """
        return self.of_pixels(self.pixels(images, boxes, faces, margin))

    def embed(self, images, **how) -> np.ndarray:
        """The embedding alone, float32 [N, E]; arguments as of `predict`."""
        return self.predict(images, **how).embedding

    def find(self, image, faces: str) -> np.ndarray:
        """All faces of one image by a detector: left, top, right, bottom in pixels, float64 [F, 4].

        Args:
          image: one of those that `predict` takes.
          faces: the detector's name.
        """
        rule = finding.rule_of(self.config, faces, None)
        detect = finding.detector(rule, every=True)
        if detect is None:
            raise UserError("must name a detector, such as 'mtcnn'", parameter="faces")
        return np.array(finding.found(raw(image), detect), float).reshape(-1, 4)

    def of_pixels(self, pixels: np.ndarray) -> Predictions:
        """Predictions for faces that are cut and resized already: uint8 [N, size, size, 3], RGB."""
        return self.of_outputs(self.outputs(pixels))

    def of_none(self) -> Predictions:
        """Predictions for no face at all: which heads there are, and how wide the embedding is."""
        size = self.image_size
        images = jax.ShapeDtypeStruct((self.batch, size, size, 3), np.uint8)
        shapes = self._compute.eval_shape(*self._before, images)
        none = {key: np.zeros((0, *of.shape[1:]), np.float32) for key, of in shapes.items()}
        return self.of_outputs(none)

    def of_outputs(self, found: dict[str, np.ndarray]) -> Predictions:
        """Predictions of what `outputs` returned."""
        expression, pose = (found.get(PROBABILITY.format(head)) for head in (EXPRESSION, POSE))
        return named(self.classes, expression, pose, found[EMBEDDING], self._angles(found))

    def _angles(self, found: dict[str, np.ndarray]) -> np.ndarray | None:
        """float32 [N, 3], nan for what the head for angles has not learnt; None without one."""
        if not self.classes.angles_names:
            return None
        of_none = np.full(len(found[EMBEDDING]), np.nan, np.float32)
        return np.stack([found.get(ANGLE.format(name), of_none) for name in ANGLE_NAMES], 1)

    def outputs(self, pixels: np.ndarray, *, more: bool = False) -> dict[str, np.ndarray]:
        """What `program.build` names, float32 [N, ...]; of faces as `of_pixels` takes them.

        Args:
          more: there are others before or after these, so that even one image goes through the network as a
            batch, for which it is compiled.
        """
        if not len(pixels):
            raise ValueError("there is no image to predict; give at least one")
        size = self.batch if more or len(pixels) > 1 else self._rows.num_devices
        # a CPU has no time to fill between two batches, and would hold the arrays of both
        ahead = 0 if jax.default_backend() == "cpu" else 1
        parts: list[dict] = []
        running: deque[tuple[int, dict]] = deque()

        def take() -> None:
            count, out = running.popleft()
            parts.append({key: np.asarray(value)[:count] for key, value in out.items()})

        for first in range(0, len(pixels), size):
            part = pixels[first : first + size]
            if len(part) < size:
                part = np.concatenate([part, np.zeros((size - len(part), *part.shape[1:]), np.uint8)])
            out = self._compute(*self._before, jax.device_put(part, self._rows))
            running.append((min(size, len(pixels) - first), out))
            if len(running) > ahead:
                take()
        while running:
            take()
        return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}

    def pixels(self, images, boxes=None, faces: str | None = None, margin: float | None = None) -> np.ndarray:
        """What the network sees of images, uint8 [N, size, size, 3]; arguments as of `predict`."""
        several = _several(images)
        if boxes is not None and len(boxes) != len(several):
            raise ValueError(f"{len(several)} images need as many boxes; got {len(boxes)}")
        if wrong := [box for box in (() if boxes is None else boxes) if np.shape(box) != (4,)]:
            raise ValueError(f"a box must be left, top, right, bottom; got {wrong[0]}")
        if margin is not None and not isinstance(margin, int | float | np.number):
            raise UserError(f"must be a number, got {margin!r}", parameter="margin")
        if boxes is not None and faces not in (None, finding.WHOLE):
            raise UserError("are given already; leave one of the two out", parameter="boxes")
        rule = finding.rule_of(self.config, finding.WHOLE if boxes is not None else faces or "", margin)
        detect = finding.detector(rule, every=False)
        seen = (self.image_size, self.image_size, 3)
        if boxes is None and detect is None and _are(several, seen):
            return np.asarray(several)  # whole images that nothing would change
        pixels = np.zeros((len(several), *seen), np.uint8)
        for k, image in enumerate(several):
            name = str(image) if isinstance(image, str | Path) and str(image) else f"image {k}"
            given: Any = None if boxes is None else [tuple(float(edge) for edge in boxes[k])]
            pixels[k] = _one(name, image, partial(finding.read, rule=rule, find=detect, given=given))
        return pixels


def _several(images) -> Sequence | np.ndarray:
    if isinstance(images, jax.Array):
        images = np.asarray(images)
    alone = isinstance(images, str | os.PathLike | Image.Image)
    if alone or (isinstance(images, np.ndarray) and images.ndim < 4):
        return [images]
    if not isinstance(images, np.ndarray | Sequence) or isinstance(images, bytes):
        raise TypeError(
            "images must be an array, a path, one of Pillow's images, or a list of such;"
            f" got {type(images).__name__}"
        )
    return images


def _are(images, shape: tuple[int, ...]) -> bool:
    """Whether images are pixels of 8 bits of this shape, each of them."""
    return isinstance(images, np.ndarray) and images.dtype == np.uint8 and images.shape[1:] == shape


def _one(name: str, image, read: Callable) -> np.ndarray:
    try:
        return read(raw(image)).pixels[0]
    except UserError:
        raise
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
