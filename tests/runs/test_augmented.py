"""The picture of augmented training images: what is drawn, what is said, and when there is none."""

import json

import numpy as np
import pytest
from PIL import Image

import dmljax
from dmljax import run_folder, writing
from dmljax.report import run_page
from dmljax.runs import augmented
from dmljax.types import Samples

N, SIDE = 60, 12


@pytest.fixture
def samples():
    rng = np.random.default_rng(0)
    images = {str(k): rng.integers(60, 256, (SIDE, SIDE, 3)).astype(np.uint8) for k in range(N)}
    column = lambda count: np.int32(np.arange(N) % count)
    names = ("anger", "fear", "joy"), ("0",), tuple(map(str, range(N)))
    return Samples(
        "made", tuple(images), column(3), column(1), column(N), *names, (0.0,), (0,), images.__getitem__
    )


def config(**fields):
    off = {"augment.flip": 0.0, "augment.shift": 0.0, "augment.scale": 0.0, "data.image_size": SIDE}
    return dmljax.get_config("quick", off | fields)


@pytest.fixture
def run(tmp_path, samples):
    writing.as_json(tmp_path / run_folder.SPLIT, {"train": list(samples.references[:50])})
    return tmp_path


def test_without_augmentation_there_is_no_picture(run, samples):
    assert augmented.collect(run, run / "evaluation", config(), samples) is None
    assert run_page._augmented(run / "evaluation") == []


def test_eight_images_and_what_became_of_them(run, samples):
    fields = {"mix.mixup": 0.5, "mix.mixup_alpha": 1.0}
    path = augmented.collect(run, run / "evaluation", config(**fields), samples)
    rows = json.loads(path.read_text(encoding="utf-8"))["shown"]
    assert len(rows) == 8
    mixed = 0
    for row in rows:
        picture = np.asarray(Image.open(path.parent / row["picture"]))
        above, below = picture[:SIDE], picture[-SIDE:]
        assert picture.shape == (2 * SIDE + augmented.GAP, SIDE, 3)
        assert np.array_equal(above, below) == (row["text"] in samples.expression_names)
        mixed += "%" in row["text"]
    assert 0 < mixed < 8
    (heading, told, faces) = run_page._augmented(run / "evaluation")
    assert "Augmentation" in heading and "Above: training images" in told and faces.count("<img") == 8


def test_of_a_set_that_has_changed_there_is_none(run, samples):
    few = samples.take(np.arange(50, N))  # none of those that train
    assert augmented.collect(run, run / "evaluation", config(**{"mix.cutmix": 0.5}), few) is None
