"""A model of whatever holds a trained network: the folder of a run, or an exported file."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from dmljax.inference import exported, of_run
from dmljax.inference.model import Model
from dmljax.inference.options import BATCH
from dmljax.training.devices import set_up_process
from dmljax.types import UserError


def load(
    run: str | Path,
    *,
    checkpoint: str = "last",
    flip: bool = False,
    calibrated: bool = True,
    batch: int = BATCH,
) -> Model:
    """A trained run, or a StableHLO file of one, as a model.

    It is all that is needed: no set, and beside a file no run. On a CPU the process keeps the memory that it
    frees from here on, see `dmljax.pages`.

    Args:
      run: the folder of a training, the URL of one in a bucket, or a file that `export` wrote in the format
        'stablehlo'.
      checkpoint: 'last' or 'best'; the moving averages of its weights are taken.
      flip: predict by the mean over each image and its mirror image, as `evaluate` does.
      calibrated: divide logits by the temperatures that `evaluate` fitted on validation people, if the run's
        evaluation has them.
      batch: images that go through the network at a time; a multiple of the number of devices is taken.

    Raises:
      UserError: there is no trained run, or one that cannot be read; a pose has no mirror image; or something
        was asked of a file that is settled when it is written.

    Example:
      >>> import dmljax
      >>> dmljax.load("runs/quick").classes.pose_names
      ('-90', '-45', '0', '45', '90')
    """
    if not isinstance(run, str | Path):
        raise TypeError(f"run must be the path of a run's folder or of a file; got {type(run).__name__}")
    if not isinstance(batch, int | np.integer) or batch < 1:
        raise UserError(f"must be a whole number, at least 1; got {batch!r}", parameter="batch")
    for name, value in (("flip", flip), ("calibrated", calibrated)):
        if not isinstance(value, bool | np.bool_):
            raise UserError(f"must be True or False; got {value!r}", parameter=name)
    set_up_process()
    path = Path(os.path.expanduser(run))
    if not path.is_file():
        return of_run.read(run, checkpoint=checkpoint, flip=flip, calibrated=calibrated, batch=batch)
    settled = {"checkpoint": checkpoint != "last", "flip": flip, "calibrated": not calibrated}
    if asked := [name for name, is_asked in settled.items() if is_asked]:
        raise UserError(
            "cannot be chosen for an exported file, where it is settled; export the run anew with it",
            parameter=asked[0],
        )
    return exported.read(path, batch=batch)
