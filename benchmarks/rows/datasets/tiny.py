"""Any number of images of 16 pixels, made from their numbers: what a large set costs beside its images."""

from functools import partial

import numpy as np

from dmljax.types import Samples

EXPRESSIONS, POSES = ("anger", "fear", "happiness", "sadness", "surprise"), ("-45", "0", "45")
EACH = len(EXPRESSIONS) * len(POSES)  # images of a person


def samples(root: str, *, rows: int = 1000) -> Samples:
    """So many images, every expression at every pose once a person.

    Args:
      root: not read.
      rows: images.
    """
    del root
    number = np.arange(rows)
    people = -(-rows // EACH)
    return Samples(
        name="tiny",
        references=tuple(map(str, range(rows))),
        expression=(number % len(EXPRESSIONS)).astype(np.int32),
        pose=(number // len(EXPRESSIONS) % len(POSES)).astype(np.int32),
        identity=(number // EACH).astype(np.int32),
        expression_names=EXPRESSIONS,
        pose_names=POSES,
        identity_names=tuple(f"person {k}" for k in range(people)),
        pose_yaw=(-45.0, 0.0, 45.0),
        pose_mirror=(2, 1, 0),
        read=partial(_picture),
    )


def _picture(reference: str) -> np.ndarray:
    return np.random.default_rng(int(reference)).integers(0, 256, (16, 16, 3), np.uint8)


def write_fixture(root: str) -> None:
    """Nothing: the images are made."""
    del root
