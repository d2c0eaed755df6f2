"""A tiny run in every format: the same numbers by the format's own runtime, metadata, card, refusals."""

import json
import math
import shutil

import jax
import numpy as np
import pytest
from jax import export

import dmljax
from dmljax import run_folder, writing
from dmljax.exports import export as exporting
from dmljax.exports import place
from dmljax.inference import exported, of_run
from dmljax.types import UserError

SIZE = 24
FORMATS = [
    "onnx",
    "safetensors",
    "stablehlo",
    pytest.param("savedmodel", marks=pytest.mark.slow),
    pytest.param("tflite", marks=pytest.mark.slow),
]
NAMES = {"expression_probability", "pose_probability", "yaw", "embedding"}


@pytest.fixture(scope="module")
def stablehlo(run):
    return dmljax.export(run, say=lambda line: None)


@pytest.fixture
def pixels(rng):
    return rng.integers(0, 256, (7, SIZE, SIZE, 3)).astype(np.uint8)


def metadata(path):
    """What a file says of itself, read without our reader of its format."""
    if path.suffix == ".onnx":
        import onnx

        return json.loads({p.key: p.value for p in onnx.load(path).metadata_props}["dmljax"])
    if path.suffix == ".safetensors":
        from safetensors import safe_open

        with safe_open(path, "np") as file:
            return json.loads(file.metadata()["dmljax"])
    if path.is_dir():
        return json.loads((path / "assets.extra" / "dmljax.json").read_text())
    return exported.unpacked(path)[1]


def changed(model, classes=None, **how):
    """The model with other classes or temperatures."""
    return of_run.OfRun(
        model.config, classes or model.classes, model.variables, mirror=model.mirror, step=model.step, **how
    )


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_gives_what_the_run_gives(run, tmp_path, form, pixels):
    made = dmljax.export(run, tmp_path / f"network.{form}", format=form, say=lambda line: None)
    assert set(made.differences) == NAMES and "16 test images of synthetic" == made.pictures
    assert all(apart < 1e-5 for name, apart in made.differences.items() if name != "yaw")
    module, source = (
        exporting.load(form),
        exporting.sources.of(dmljax.load(run), run, checkpoint="last", form=form, licence=""),
    )
    call, expected = module.runtime(made.path, source), dmljax.load(run).of_pixels(pixels)
    for count in (1, 7):  # any number of images
        found = call(pixels[:count])
        for name in NAMES:
            np.testing.assert_allclose(found[name], getattr(expected, name)[:count], rtol=1e-4, atol=1e-4)
    about = metadata(made.path)
    assert about["image_size"] == SIZE and about["expression_names"][3] == "happiness"
    assert about["crop"]["rule"] == "set" and about["versions"]["jax"] and about["format"] == form
    assert made.size == place.size(made.path) > 1000
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith(".")] == []


def test_a_stablehlo_file_is_a_model_without_its_run(run, stablehlo, tmp_path, pixels):
    file = shutil.copy(stablehlo.path, tmp_path / "alone.stablehlo")
    model, expected = dmljax.load(file, batch=4), dmljax.load(run).predict(pixels)
    assert model.classes == dmljax.load(run).classes and model.image_size == SIZE
    found = model.predict(pixels)
    assert found.expression.tolist() == expected.expression.tolist()
    assert found.expression_names == expected.expression_names
    np.testing.assert_allclose(found.embedding, expected.embedding, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(model.embed(pixels), found.embedding)
    assert list(model.of_none().columns()) == list(dmljax.load(run).of_none().columns())


def test_a_stablehlo_file_suits_each_platform(run, stablehlo, pixels):
    branches = len(dmljax.load(run).config.model.branches)
    program = export.deserialize(bytearray(stablehlo.path.read_bytes()))  # as it is, for any reader
    assert program.platforms == ("cpu", "cuda", "tpu")
    count, *rest = program.in_avals[0].shape
    assert rest == [SIZE, SIZE, 3] and not isinstance(count, int)
    text = program.mlir_module()
    assert "stablehlo.case" in text
    # the stem's and two of a block, by JAX for each platform
    assert text.count("stablehlo.convolution") == 3 * branches * len(program.platforms)
    compiled = jax.jit(program.call).lower(pixels).compile().as_text()
    assert compiled.count(" convolution(") == branches  # on a CPU the stem's alone


def test_what_is_settled_in_a_file_cannot_be_asked_of_it(stablehlo):
    with pytest.raises(ValueError, match="flip: cannot be chosen for an exported file"):
        dmljax.load(stablehlo.path, flip=True)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda content: content[:1000], "is no file that was exported as StableHLO, or only a part"),
        (lambda content: b"", "is no file that was exported"),
        (lambda content: content[:5000] + b"?" + content[5001:], "is not what the export wrote"),
    ],
)
def test_a_damaged_file_is_told(stablehlo, tmp_path, damage, said):
    path = tmp_path / "damaged.stablehlo"
    path.write_bytes(damage(stablehlo.path.read_bytes()))
    with pytest.raises(ValueError, match=said):
        dmljax.load(path)


def test_a_difference_above_the_limit_removes_the_file(run, tmp_path):
    path = tmp_path / "network.onnx"
    with pytest.raises(ValueError, match="limit: .* by onnxruntime differs by .* more than 0; the file was"):
        dmljax.export(run, path, format="onnx", limit=0.0, say=lambda line: None)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten_unasked(run, stablehlo):
    with pytest.raises(ValueError, match="' is there already; give another name with out, or set overwrite"):
        dmljax.export(run, say=lambda line: None)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"format": "onyx"}, "format: must be one of onnx, .*Did you mean 'onnx'"),
        ({"limit": float("nan")}, "limit: must be at least 0"),
        ({"out": ".", "format": "onnx"}, "out: '.' is a folder"),
        (
            {"out": "net.onnx", "format": "stablehlo"},
            "out: 'net.onnx' ends like onnx, and the format is stab",
        ),
        ({"out": "net.foo"}, "out: 'net.foo' does not say in which format; end it in .onnx, "),
        ({"out": "safetensors"}, "out: 'safetensors' does not say in which format"),
    ],
)
def test_mistakes_are_told_before_the_work(run, given, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=said):
        dmljax.export(run, **given, say=lambda line: None)


@pytest.mark.parametrize(
    ("out", "form", "chosen"),
    [("", "", "stablehlo"), ("", "web", "web"), ("a/NET.ONNX", "", "onnx"), ("net.v2", "tflite", "tflite")],
)
def test_the_format_is_given_or_that_of_the_ending(out, form, chosen):
    assert exporting.of_file(out, form) == chosen


def test_a_missing_package_names_the_extra(run, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(ValueError, match=r"format: onnxruntime, .* install dmljax\[export\]"):
        dmljax.export(run, format="onnx")


def test_the_card_says_what_is_known(run, stablehlo, tmp_path):
    text = stablehlo.card.read_text()
    assert "was not evaluated before this export" in text and "Of this network: not stated." in text
    assert "synthetic (rendered faces, nobody's)" in text and "## Intended use and misuse" in text
    evaluated = shutil.copytree(run, tmp_path / "run")
    score = dmljax.evaluate(evaluated, progress=False).score
    made = dmljax.export(
        evaluated,
        tmp_path / "x.safetensors",
        format="safetensors",
        licence="CC-BY-4.0",
        say=lambda line: None,
    )
    text = made.card.read_text()
    low, high = score["intervals"]["expression accuracy"]
    row = f"| expression accuracy | {100 * score['scores']['expression accuracy']:.1f} |"
    assert f"{row} {100 * low:.1f} to {100 * high:.1f} |" in text
    assert "| expression \\\\ pose |" in text or "| expression \\ pose |" in text
    assert f"Tested on {score['people']} people, never seen in training." in text
    assert "Of this network: CC-BY-4.0." in text and "not evaluated" not in text
    # an evaluation of other weights is none of these
    changed = {key: value for key, value in score.items() if key != run_folder.DIGEST} | {"step": 1}
    path = evaluated / run_folder.EVALUATION / run_folder.METRICS
    writing.as_json(path, run_folder.with_digest(changed))
    made = dmljax.export(evaluated, made.path, format="safetensors", overwrite=True, say=lambda line: None)
    assert "evaluation is of other weights" in made.card.read_text()


def test_where_the_set_is_gone_rendered_faces_are_taken(run, tmp_path):
    moved = shutil.copytree(run, tmp_path / "run")
    split = run_folder.read(moved / run_folder.SPLIT)
    writing.as_json(moved / run_folder.SPLIT, split | {"test": ["nobody"]})
    made = dmljax.export(moved, format="safetensors", say=lambda line: None)
    assert made.pictures.startswith("16 rendered faces (the run's own set cannot be read")


def test_safetensors_have_the_names_of_torchvision(run, tmp_path):
    from safetensors.numpy import load_file

    made = dmljax.export(run, tmp_path / "w.safetensors", format="safetensors", say=lambda line: None)
    arrays = load_file(made.path)
    assert arrays["face.conv1.weight"].shape == (4, 3, 7, 7)
    assert arrays["face.layer1.0.conv2.weight"].shape == (4, 4, 3, 3)
    assert arrays["face.layer1.0.bn2.running_var"].shape == (4,) and arrays["face.bn1.weight"].shape == (4,)
    assert arrays["embedding.weight"].shape == (8, 8)
    of = dmljax.load(run).variables["params"]["trunk"]["face"]["stage1_block1"]["conv1"]["kernel"]
    np.testing.assert_array_equal(arrays["face.layer1.0.conv1.weight"][3, 1], np.asarray(of)[:, :, 1, 3])


@pytest.mark.slow
def test_flipped_and_calibrated_predictions_are_inside(run, tmp_path, pixels):
    model = changed(dmljax.load(run, flip=True), temperature={"expression": 1.7})
    for form in ("onnx", "stablehlo"):
        source = exporting.sources.of(model, run, checkpoint="last", form=form, licence="")
        module, path = exporting.load(form), tmp_path / form
        module.write(path, source)
        found, expected = module.runtime(path, source)(pixels), model.of_pixels(pixels)
        for name in NAMES:
            np.testing.assert_allclose(found[name], getattr(expected, name), rtol=1e-4, atol=1e-4)


def test_a_network_without_yaws_has_no_yaw(run):
    model = dmljax.load(run)
    model = changed(model, model.classes._replace(pose_yaw=(math.nan,) * len(model.classes.pose_names)))
    source = exporting.sources.of(model, run, checkpoint="last", form="onnx", licence="")
    assert set(source.outputs) == NAMES - {"yaw"}


def test_a_missing_program_is_told_before_the_work(run, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="format: node and npm, needed for format=web, cannot be found on"):
        dmljax.export(run, tmp_path / "page", format="web", say=lambda line: None)
    assert not list(tmp_path.iterdir())
