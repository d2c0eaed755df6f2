"""A run as it stands before its first step, evaluated: its random network tells images apart all the same."""

import numpy as np
import pytest
from PIL import Image

import dmljax
from tests.runs.tiny import TINY, begun

FIELDS = TINY | {
    "dataset.name": "folder",
    "seed": 1,  # of which the validation people determine a temperature for the pose
    "data.tuples_per_step": 1,
    "data.batch_size": 5,
    "split.folds": 2,
    "split.validation": 0.5,
    "model.softmax_deviation": 2.0,  # probabilities that are far from each other
}
POSES, EXPRESSIONS = (-45, 0, 45), ("anger", "fear", "joy")


def write_set(folder):
    """Eight people of noise, each with three expressions in three poses."""
    rng, lines = np.random.default_rng(0), ["path,expression,pose,identity"]
    for who in range(8):
        for pose in POSES:
            for expression in EXPRESSIONS:
                name = f"{who}_{pose}_{expression}.png"
                pixels = rng.integers(40, 220, (30, 26, 3)).astype(np.uint8)
                Image.fromarray(pixels).save(folder / name)
                lines.append(f"{name},{expression},{pose},p{who}")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """The folder of a run with validation people, with its evaluation."""
    folder, images = tmp_path_factory.mktemp("runs") / "begun", tmp_path_factory.mktemp("images")
    write_set(images)
    begun(dmljax.get_config("quick", FIELDS | {"dataset.root": str(images)}), folder)
    dmljax.evaluate(folder, progress=False)
    return folder
