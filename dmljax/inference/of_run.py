"""The model of a trained run, from its folder."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from typing import Any

import jax
import numpy as np

from dmljax import config as configuration
from dmljax import run_folder
from dmljax.inference import program
from dmljax.inference.model import Model
from dmljax.inference.options import BATCH
from dmljax.runs import assemble, record, remote
from dmljax.runs import calibrated as calibration
from dmljax.runs.record import Classes
from dmljax.runs.trained import read_checkpoint
from dmljax.training.devices import predicting
from dmljax.types import MISSING, UserError


class OfRun(Model):
    """A network with its weights.

    Attributes:
      net, variables: the network, and the moving averages of the weights, {'params', 'batch_stats'}.
      program: (variables, pixels) -> outputs; see `program.build`.
      mirror: pose class after a flip where predictions are means over each image and its mirror image; None
        where they are not.
      The others: see `Model`.
    """

    def __init__(
        self, config, classes: Classes, variables: dict, *, mirror: tuple[int, ...] | None = None, **more: Any
    ):
        super().__init__(config, classes, flip=mirror is not None, **more)
        self.net, self.mirror = assemble.network(config, classes), mirror
        self.variables = jax.device_put(variables, self._everywhere)
        self.program = program.build(
            self.net.apply,
            classes,
            mirror=mirror,
            temperature=self.temperature,
            normalise=config.losses.normalise,
        )
        self._compute, self._before = predicting(self.program), (self.variables,)

    @functools.cached_property
    def digest(self) -> str:
        """Of all weights and statistics and their names."""
        found = hashlib.sha256()
        for path, array in jax.tree_util.tree_leaves_with_path(jax.device_get(self.variables)):
            found.update(f"{jax.tree_util.keystr(path)} {array.shape} {array.dtype}".encode())
            found.update(np.ascontiguousarray(array).tobytes())
        return found.hexdigest()[:32]


def read(
    run: str | Path,
    *,
    checkpoint: str = "last",
    flip: bool = False,
    calibrated: bool = True,
    batch: int = BATCH,
) -> OfRun:
    """The model of a run's folder; see `load`.

    Raises:
      UserError: the folder holds no trained run, or one that cannot be read; or a pose has no mirror image.
    """
    run = remote.fetched(run, progress=False)
    config = configuration.read(run)
    classes = record.read_classes(run)
    saved = read_checkpoint(run, checkpoint, config)
    record.check(run, run_folder.CLASSES, saved)
    mirror = _mirror(run, classes) if flip else None
    temperature: dict[str, float] = {}
    if calibrated:
        temperature = calibration.read(run, config, checkpoint=checkpoint, step=saved.step, flip=flip)
    how: dict[str, Any] = {"temperature": temperature, "batch": batch, "step": saved.step}
    return OfRun(config, classes, saved.averages, mirror=mirror, **how)


def _mirror(run: Path, classes: Classes) -> tuple[int, ...]:
    mirror = record.read_mirror(run, classes)
    if MISSING in mirror:
        names = [f"'{name}'" for name, other in zip(classes.pose_names, mirror) if other == MISSING]
        raise UserError(f"the run knows no mirror image of the pose {', '.join(names)}", parameter="flip")
    return mirror
