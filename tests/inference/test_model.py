"""A trained run as a model: photographs of any kind in, the same numbers out as an evaluation's."""

import csv
import shutil
from functools import partial

import jax
import numpy as np
import pytest
from PIL import Image

import dmljax
from dmljax import run_folder
from dmljax.data import images
from dmljax.inference import predictions
from dmljax.runs import record
from dmljax.runs.trained import open_run
from dmljax.types import MISSING, UserError

pytestmark = pytest.mark.usefixtures("standard_promotion")


@pytest.fixture(scope="module")
def model(run):
    return dmljax.load(run, batch=8)


@pytest.fixture(scope="module")
def opened(run):
    return open_run(run, progress=False)


def photographs(opened, count):
    samples, test = opened.samples, opened.test[:count]
    pixels = [np.asarray(images.decode(samples.read(samples.references[k]))[0]) for k in test]
    return pixels, None if samples.boxes is None else samples.boxes[test]


def test_it_predicts_what_the_evaluation_wrote(run, model, opened):
    """To the four digits of predictions.csv: classes, probabilities, calibrated ones."""
    rows = list(csv.DictReader((run / "evaluation" / "predictions.csv").read_text().splitlines()))[:20]
    pixels, boxes = photographs(opened, 20)
    found, plain = (m.predict(pixels, boxes=boxes) for m in (model, dmljax.load(run, calibrated=False)))
    for head in ("expression", "pose"):
        assert list(getattr(plain, head)) == [row[f"{head}_predicted"] for row in rows]
        known = [float(row[f"{head}_probability"]) for row in rows]
        np.testing.assert_allclose(getattr(plain, f"{head}_probability").max(1), known, atol=6e-5)
        by = f"{head}_calibrated" if head in model.temperature else f"{head}_probability"
        known = [float(row[by]) for row in rows]
        np.testing.assert_allclose(getattr(found, f"{head}_probability").max(1), known, atol=6e-5)
    assert model.temperature and not dmljax.load(run, calibrated=False).temperature


def test_embedding_and_yaw(model, opened):
    pixels, boxes = photographs(opened, 20)
    expected, found = opened.predict(opened.variables, opened.test[:20]), model.predict(pixels, boxes=boxes)
    unit = expected["embedding"] / np.linalg.norm(expected["embedding"], axis=1, keepdims=True)
    np.testing.assert_allclose(found.embedding, unit, rtol=1e-3, atol=1e-5)
    np.testing.assert_array_equal(found.embedding, model.embed(pixels, boxes=boxes))
    by_hand = found.pose_probability @ np.array(opened.samples.pose_yaw)
    np.testing.assert_allclose(found.yaw, by_hand, rtol=1e-4, atol=1e-3)
    assert (
        model.classes.pose_names == opened.samples.pose_names and found.pose_names == model.classes.pose_names
    )


def test_mirror_images_are_averaged_as_in_the_evaluation(run, opened):
    flipped = open_run(run, progress=False, flip=True)
    expected = flipped.predict(flipped.variables, flipped.test[:9])
    model, (pixels, boxes) = dmljax.load(run, flip=True, calibrated=False), photographs(opened, 9)
    found = model.predict(pixels, boxes=boxes)
    for head in ("expression", "pose"):
        powers = np.exp(expected[head] - expected[head].max(1, keepdims=True))
        np.testing.assert_allclose(
            getattr(found, f"{head}_probability"), powers / powers.sum(1, keepdims=True), rtol=1e-3, atol=1e-5
        )
    assert dmljax.load(run, flip=True).temperature == {}  # that of plain predictions is another one


def test_kinds_of_images_that_are_one_image(model, tmp_path, rng):
    """Arrays, files, Pillow's images; grey, transparent, of 16 bits, turned by EXIF."""
    colour = rng.integers(0, 256, (40, 30, 3)).astype(np.uint8)
    grey = rng.integers(0, 256, (33, 47)).astype(np.uint8)
    image = Image.fromarray(colour)
    image.save(tmp_path / "face.png")
    turned = Image.fromarray(np.rot90(colour, 1).copy())
    exif = turned.getexif()
    exif[274] = 6  # a quarter turn clockwise makes it upright
    turned.save(tmp_path / "turned.png", exif=exif)
    with Image.open(tmp_path / "turned.png") as lying, Image.open(tmp_path / "face.png") as file:
        same = [colour, image, file, str(tmp_path / "face.png"), tmp_path / "turned.png", lying]
        same += [np.dstack([colour, np.full((40, 30), 255, np.uint8)]), colour.astype(np.uint16) << 8]
        found = model.embed(same)
        assert lying.getexif()[274] == 6  # the caller's image is as it was
    np.testing.assert_array_equal(found, np.repeat(found[:1], len(same), 0))
    greys = [
        grey,
        np.dstack([grey] * 3),
        grey[:, :, None],
        grey.astype(np.uint16) << 8,
        Image.fromarray(grey),
    ]
    found = model.embed(greys)
    np.testing.assert_array_equal(found, np.repeat(found[:1], len(greys), 0))
    clear = np.dstack([colour, np.zeros((40, 30), np.uint8)])
    found = model.embed([clear, np.full((40, 30, 3), 255, np.uint8)])
    np.testing.assert_array_equal(found[0], found[1])


def test_arrays_of_jax_are_arrays(model, rng):
    stack = rng.integers(0, 256, (3, 24, 24, 3)).astype(np.uint8)
    np.testing.assert_array_equal(model.embed(jax.numpy.asarray(stack)), model.embed(stack))
    np.testing.assert_array_equal(model.embed(jax.numpy.asarray(stack[0])), model.embed(stack[:1]))


def test_one_and_many(model, rng):
    stack = rng.integers(0, 256, (19, 24, 24, 3)).astype(np.uint8)  # more than go through at a time
    every = model.predict(stack)
    assert every.embedding.shape == (19, 8) and every.expression.shape == (19,)
    np.testing.assert_allclose(model.embed(stack[5])[0], every.embedding[5], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(model.embed(list(stack)), every.embedding)


def test_batches_ahead_come_in_their_order(run, rng, monkeypatch):
    """On accelerators the next one is begun before the outputs of one are fetched."""
    model, pixels = dmljax.load(run, batch=8), rng.integers(0, 256, (29, 24, 24, 3)).astype(np.uint8)
    waited = model.outputs(pixels)
    monkeypatch.setattr(jax, "default_backend", lambda: "tpu")
    ahead = model.outputs(pixels)
    assert ahead.keys() == waited.keys() and len(ahead["embedding"]) == 29
    for name in waited:
        np.testing.assert_array_equal(ahead[name], waited[name], err_msg=name)


def test_pixels_of_the_network_s_own_size_are_as_they_were(model, rng):
    size = model.image_size
    stack = rng.integers(0, 256, (3, size, size, 3)).astype(np.uint8)
    np.testing.assert_array_equal(model.pixels(stack), stack)
    np.testing.assert_array_equal(model.pixels(stack), model.pixels(list(stack)))
    turned = stack.transpose(0, 2, 1, 3)
    np.testing.assert_array_equal(model.pixels(turned), model.pixels(list(turned)))
    deep = stack.astype(np.uint16) << 8
    np.testing.assert_array_equal(model.pixels(deep), stack)


def test_it_is_compiled_once_for_many_and_once_for_one(run, rng):
    model = dmljax.load(run, batch=11)
    assert model.batch == 16  # a multiple of the devices here
    images = rng.integers(0, 256, (33, 24, 24, 3)).astype(np.uint8)
    for count in (2, 16, 17, 33):
        model.predict(images[:count])
    assert model._compute._cache_size() == 1
    alone = [model.predict(image).embedding[0] for image in images[:3]]
    assert model._compute._cache_size() == 2
    of_many = [model.outputs(image[None], more=True)["embedding"][0] for image in images[:3]]
    assert model._compute._cache_size() == 2
    np.testing.assert_allclose(alone, of_many, rtol=1e-4, atol=1e-5)


def test_a_box_with_a_margin_is_cut_as_the_preparation_cuts_it(model, rng):
    image = rng.integers(0, 256, (80, 60, 3)).astype(np.uint8)
    found = model.embed([image], boxes=[(20, 30, 40, 45)], margin=0.25)
    # longer side 20, 5 more on each side, moved into the image
    np.testing.assert_array_equal(found, model.embed([image[22:52, 15:45]]))
    plain = model.embed([image], boxes=[(20, 30, 40, 45)])
    np.testing.assert_array_equal(plain, model.embed([image[30:45, 20:40]]))


def test_faces_are_found_by_a_detector_of_one_s_own(run, tmp_path, rng):
    (tmp_path / "detectors").mkdir()
    (tmp_path / "detectors" / "middle.py").write_text(
        "def build(*, side=480):\n"
        "    return lambda image: None if image.max() < 9 else (10.0, 10.0, 30.0, 30.0)\n"
    )
    dmljax.plugins.add_folder(tmp_path)
    model, image = dmljax.load(run), rng.integers(0, 256, (60, 60, 3)).astype(np.uint8)
    assert model.find(image, "middle").tolist() == [[10, 10, 30, 30]]
    margin = model.config.crop.margin
    found = model.embed([image], faces="middle")
    np.testing.assert_array_equal(found, model.embed([image], boxes=[(10, 10, 30, 30)], margin=margin))
    with pytest.raises(ValueError, match="image 0: no face found by middle"):
        model.predict([np.zeros((60, 60, 3), np.uint8)], faces="middle")
    assert model.find(np.zeros((60, 60, 3), np.uint8), "middle").shape == (0, 4)


def test_a_table_for_pandas(model, rng):
    pandas = pytest.importorskip("pandas")
    found = model.predict(rng.integers(0, 256, (3, 24, 24, 3)).astype(np.uint8))
    table = found.to_pandas(embedding=True)
    assert isinstance(table, pandas.DataFrame) and len(table) == 3
    assert list(table.columns[:2]) == ["expression", "confidence"] and table.columns[-1] == "embedding_7"
    np.testing.assert_array_equal(table["pose_45"], found.pose_probability[:, found.pose_names.index("45")])
    np.testing.assert_array_equal(table["confidence"], found.expression_probability.max(1))


def test_a_text_of_predictions_has_a_line_an_image():
    found = predictions.Predictions(
        expression=np.array(["anger"] * 10),
        expression_probability=np.full((10, 2), [0.753, 0.247], np.float32),
        pose=np.array(["45"] * 10),
        pose_probability=np.full((10, 2), [0.1, 0.9], np.float32),
        yaw=np.array([40.54] * 9 + [np.nan], np.float32),
        embedding=np.zeros((10, 4), np.float32),
    )
    title, *lines, rest = str(found).splitlines()
    assert title == "Predictions of 10 images" and rest == "  and 2 more"
    assert lines == ["  anger (0.75), pose 45 (0.90), yaw 40.5"] * 8
    last = found._replace(**{name: getattr(found, name)[9:] for name in ("expression", "pose", "yaw")})
    last = last._replace(pose_probability=found.pose_probability[9:], embedding=found.embedding[9:])
    assert str(last) == "Predictions of 1 image\n  anger (0.75), pose 45 (0.90)"
    angles = last._replace(expression=None, angles=np.array([[7.25, np.nan, 1]]), angles_names=("yaw",))
    assert str(angles).endswith("\n  pose 45 (0.90), yaw 7.2 by the head")
    bare = predictions.Predictions(None, None, None, None, None, np.zeros((1, 4)))
    assert str(bare) == "Predictions of 1 image\n  an embedding alone"


SMALL = np.zeros((9, 9, 3), np.uint8)


@pytest.mark.parametrize(
    ("given", "more", "error", "said"),
    [
        (
            [np.zeros((5, 5, 3))],
            {},
            ValueError,
            r"image 0: is float64 .* expected uint8 .* take \(255 \* image\)",
        ),
        (["missing.png"], {}, ValueError, "missing.png: cannot be opened"),
        ([SMALL], {"boxes": [(20, 20, 30, 30)]}, ValueError, "image 0: no face found inside"),
        ([SMALL], {"boxes": []}, ValueError, "1 images need as many boxes; got 0"),
        ([SMALL], {"boxes": [(0, 0, 9, 9)], "faces": "haar"}, ValueError, "leave one of the two out"),
        ([SMALL], {"margin": -1.0}, ValueError, "margin: must be from 0 to 2, got -1"),
        ([SMALL[:1, :1]], {}, ValueError, "image 0: is 1 x 1 pixels, too small for a face"),
        ([], {}, ValueError, "no image to predict"),
        (5, {}, TypeError, "images must be an array, a path, .* or a list of such; got int"),
        ((SMALL for _ in range(2)), {}, TypeError, "or a list of such; got generator"),
        (b"a file", {}, TypeError, "got bytes"),
        ([b"a file"], {}, ValueError, "image 0: is bytes; expected a path, an array or one"),
        ([None], {}, ValueError, "image 0: is NoneType; expected a path"),
        ("", {}, ValueError, "image 0: cannot be opened"),
        (np.full((5, 5, 3), 200.0), {}, ValueError, r"from 0 to 255 take image\.round"),
        (np.full((5, 5, 3), -1.0), {}, ValueError, "numbers go from -1 to -1, and should be finite, from 0"),
        (np.full((5, 5, 3), np.nan), {}, ValueError, "numbers go from nan to nan"),
        (np.zeros((70, 64, 64), np.uint8), {}, ValueError, r"stack of grey images take list\(images\)"),
        (np.zeros((3, 64, 64), np.uint8), {}, ValueError, r"channels come last: take np\.moveaxis"),
        ([SMALL], {"boxes": [(0, 0, 9, 9)], "margin": "x"}, ValueError, "margin: must be a number, got 'x'"),
        ([SMALL], {"faces": "hare"}, ValueError, "faces: must be whole, .* Did you mean 'haar'"),
    ],
)
def test_mistakes_name_the_image(model, given, more, error, said):
    with pytest.raises(error, match=said):
        model.predict(given, **more)


def test_what_is_loaded_is_checked(run, tmp_path):
    with pytest.raises(ValueError, match="is no run folder|no config.json|cannot be read"):
        dmljax.load(tmp_path)
    with pytest.raises(TypeError, match="run must be the path"):
        dmljax.load(5)
    for batch in (0, 2.5, "a"):
        with pytest.raises(UserError, match="batch: must be a whole number, at least 1"):
            dmljax.load(run, batch=batch)
    with pytest.raises(UserError, match="flip: must be True or False; got 'no'"):
        dmljax.load(run, flip="no")


@pytest.mark.parametrize(
    ("name", "was", "is_now", "use"),
    [
        ("classes.json", '"-45"', '"-46"', dmljax.load),
        ("evaluation/calibration.json", '"pose": ', '"pose": 1', dmljax.load),
        ("split.json", '"test": [', '"tests": [], "test": [', partial(dmljax.evaluate, progress=False)),
        ("evaluation/metrics.json", '"people": ', '"people": 1', run_folder.metrics),
    ],
)
def test_a_record_or_score_that_was_changed_is_told(run, tmp_path, name, was, is_now, use):
    copy = shutil.copytree(run, tmp_path / "run")
    text = (copy / name).read_text()
    assert was in text
    (copy / name).write_text(text.replace(was, is_now))
    with pytest.raises(ValueError, match=f"'{copy / name}' is not "):
        use(copy)


def test_a_run_of_an_older_version_has_mirror_images_by_yaw(run, tmp_path):
    copy, classes = shutil.copytree(run, tmp_path / "run"), record.read_classes(run)
    assert record.read_mirror(run, classes) == (2, 1, 0)
    (copy / "decided.json").unlink()
    assert record.read_mirror(copy, classes) == (2, 1, 0)
    words = record.Classes(("joy",), ("up", "left"), (float("nan"), 45.0))
    assert record.read_mirror(copy, words) == (MISSING, MISSING)
