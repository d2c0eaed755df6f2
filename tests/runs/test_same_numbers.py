"""The default recipe gives the numbers that it always gave: a part of the step that is lost shows here."""

import json

import numpy as np
import pytest

import dmljax
from tests.runs.tiny import TINY

pytestmark = pytest.mark.usefixtures("standard_promotion")

# Losses of the first three steps: expression, pose, triplet, norm of the gradients. Change them only together
# with a change of the recipe, which the changelog tells.
LOGGED = (
    (1.948927, 1.616972, 0.517946, 0.806784),
    (1.945298, 1.612323, 0.583696, 0.822705),
    (1.943731, 1.614214, 0.538061, 0.897142),
)


def test_the_first_steps_of_a_training(tmp_path):
    fields = {
        "train.duration": "3 steps",
        "train.log_every": "1 step",
        "augment.flip": 0.5,
        "optimizer.learning_rate": 2e-3,
    }
    dmljax.train(dmljax.get_config("quick", TINY | fields), tmp_path / "run", progress=False)
    lines = [json.loads(line) for line in (tmp_path / "run" / "train.jsonl").read_text().splitlines()]
    names = ("loss/expression", "loss/pose", "loss/triplet", "gradient/norm")
    np.testing.assert_allclose([[line[name] for name in names] for line in lines], LOGGED, rtol=1e-4)
