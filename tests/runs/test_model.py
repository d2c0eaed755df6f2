"""A run from Python, from the configuration to predictions on photographs; no command line."""

import json
import shutil
from functools import partial

import numpy as np
import pytest
from PIL import Image

import dmljax
from dmljax import run_folder
from dmljax.data import images
from dmljax.runs.trained import open_run

SMALL = {
    "dataset.synthetic.identities": 6,
    "data.image_size": 24,
    "backbone.resnet.width": 4,
    "backbone.resnet.stages": (1,),
    "data.tuples_per_step": 8,
    "train.duration": "2 steps",
    "model.fused": 8,
    "model.embedding": 8,
    "model.hidden": 8,
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory, standard_promotion):
    """(folder, what evaluate said) of a run that was trained for two steps."""
    run = tmp_path_factory.mktemp("runs") / "a"
    dmljax.train(dmljax.get_config("quick", SMALL), run, progress=False)
    return run, dmljax.evaluate(run, progress=False)


def test_evaluate_returns_the_scores(trained):
    run, scores = trained
    written = json.loads((run / "evaluation" / "metrics.json").read_text())["scores"]
    assert dict(scores) == written and 0 <= scores["expression accuracy"] <= 1


def test_a_loaded_model_predicts_what_the_evaluation_predicts(trained):
    run, _ = trained
    opened, model = open_run(run, progress=False), dmljax.load(run)
    samples, test = opened.samples, opened.test[:40]
    expected = opened.predict(opened.variables, test)
    photographs = [np.asarray(images.decode(samples.read(samples.references[k]))[0]) for k in test]
    boxes = None if samples.boxes is None else samples.boxes[test]
    found = model.predict(photographs, boxes=boxes)
    assert found.expression_probability.shape == (40, 7)
    assert (
        np.log(found.expression_probability).argmax(1).tolist() == expected["expression"].argmax(1).tolist()
    )
    np.testing.assert_allclose(np.linalg.norm(found.embedding, axis=1), 1, rtol=1e-5)
    unit = expected["embedding"] / np.linalg.norm(expected["embedding"], axis=1, keepdims=True)
    np.testing.assert_allclose(found.embedding, unit, rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(found.embedding, model.embed(photographs, boxes=boxes))
    assert set(found.pose) <= set(samples.pose_names)
    by_hand = found.pose_probability @ np.array(samples.pose_yaw)
    np.testing.assert_allclose(found.yaw, by_hand, rtol=1e-4, atol=1e-3)


def test_images_of_any_size_and_kind(trained, tmp_path):
    model, rng = dmljax.load(trained[0]), np.random.default_rng(0)
    colour, grey = (rng.integers(0, 256, shape).astype(np.uint8) for shape in ((50, 40, 3), (24, 24)))
    Image.fromarray(colour).save(tmp_path / "face.png")
    several = model.predict([colour, grey, tmp_path / "face.png"])
    assert len(several.expression) == 3 and several.expression[0] == several.expression[2]
    np.testing.assert_array_equal(several.embedding[0], several.embedding[2])
    one = model.predict(colour)
    np.testing.assert_allclose(one.embedding[0], several.embedding[0], rtol=1e-5)
    stack = np.stack([np.repeat(grey[:, :, None], 3, 2)] * 40)  # more than go through at a time
    assert model.predict(stack).embedding.shape == (40, 8)


@pytest.mark.parametrize(
    ("given", "more", "error", "said"),
    [
        ([np.zeros((5, 5, 3))], {}, ValueError, "image 0: is float64 .* expected uint8"),
        (["missing.png"], {}, ValueError, "missing.png: cannot be opened"),
        ([np.zeros((9, 9, 3), np.uint8)], {"boxes": [(0, 0, 20, 20)]}, ValueError, "too small for the box"),
        ([np.zeros((9, 9, 3), np.uint8)], {"boxes": []}, ValueError, "1 images need as many boxes; got 0"),
        ([], {}, ValueError, "no image to predict"),
        (5, {}, TypeError, "images must be arrays or paths; got int"),
        ([np.zeros((9, 9, 3), np.uint8)], {"detector": "hare"}, ValueError, "Did you mean 'haar'"),
    ],
)
def test_mistakes_name_the_image(trained, given, more, error, said):
    with pytest.raises(error, match=said):
        dmljax.load(trained[0]).predict(given, **more)


def test_a_folder_that_is_no_run(tmp_path):
    with pytest.raises(ValueError, match="is no run folder"):
        dmljax.load(tmp_path)


@pytest.mark.parametrize(
    ("name", "was", "is_now", "use"),
    [
        ("classes.json", '"-90"', '"-91"', dmljax.load),
        ("split.json", '"test": [', '"tests": [], "test": [', partial(dmljax.evaluate, progress=False)),
        ("evaluation/metrics.json", '"people": ', '"people": 1', run_folder.metrics),
    ],
)
def test_a_record_or_score_that_was_changed_is_told(trained, tmp_path, name, was, is_now, use):
    run = shutil.copytree(trained[0], tmp_path / "run")
    use(run)
    text = (run / name).read_text()
    assert was in text
    (run / name).write_text(text.replace(was, is_now))
    with pytest.raises(ValueError, match=f"'{run / name}' is not "):
        use(run)
