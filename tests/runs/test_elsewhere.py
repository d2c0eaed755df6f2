"""A trained run on another set: the same faces under other names and in another order are predicted alike."""

import csv
import json
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import dmljax
from dmljax.data.images import decode
from dmljax.preparation import opening
from dmljax.runs import elsewhere
from dmljax.types import UserError
from tests.runs.tiny import TINY

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

# in an order of their own; `joy` is an expression that the run knows by another name, `pain` one it does not
NAMES = {"happiness": "Joy", "anger": "angry"}


@pytest.fixture(scope="module")
def run(tmp_path_factory, standard_promotion):
    run = tmp_path_factory.mktemp("elsewhere") / "run"
    dmljax.train(dmljax.get_config("quick", TINY), run, progress=False, say=lambda line: None)
    return run


@pytest.fixture(scope="module")
def other(run, tmp_path_factory):
    """The run's own test images as somebody else's folder, with one image of an expression of its own."""
    folder = tmp_path_factory.mktemp("other")
    samples = opening.open_samples(dmljax.get_config("quick", TINY), progress=False)
    rows = []
    for k in range(0, len(samples), 7):
        image, _ = decode(samples.read(samples.references[k]))
        Image.fromarray(np.asarray(image)).save(folder / f"{k}.png")
        name = samples.expression_names[samples.expression[k]]
        pose = samples.pose_names[samples.pose[k]]
        rows.append([f"{k}.png", NAMES.get(name, name), pose, f"p{samples.identity[k]}"])
    rows = rows[::-1] + [["extra.png", "pain", "20", "px"]]
    Image.fromarray(np.asarray(image)).save(folder / "extra.png")
    with open(folder / "manifest.csv", "w", newline="") as file:
        csv.writer(file).writerows([["path", "expression", "pose", "identity"], *rows])
    return folder


def test_the_same_images_under_other_names_score_alike(run, other):
    said = []
    found = dmljax.evaluate(run, test=f"folder:{other}", progress=False, say=said.append)
    assert found.folder == run / f"evaluation_on_folder_{other.name}" and len(found.predictions) == 30
    model = dmljax.load(run)
    paths = [other / row["reference"] for row in found.predictions]
    expected = model.predict(paths)
    assert [row["expression_predicted"] for row in found.predictions] == expected.expression.tolist()
    assert [row["pose_predicted"] for row in found.predictions] == expected.pose.tolist()
    own = {"Joy": "happiness", "angry": "anger"}
    with open(other / "manifest.csv", newline="") as file:
        true = {row["path"]: row for row in csv.DictReader(file)}
    for row in found.predictions:
        name = true[row["reference"]]["expression"]
        assert row["expression"] == own.get(name, name) and row["pose"] == true[row["reference"]]["pose"]
    right = [row["expression"] == row["expression_predicted"] for row in found.predictions]
    assert found["expression accuracy"] == pytest.approx(np.mean(right))
    assert said[0] == "folder: 30 images of 6 people test, 1 file skipped"
    assert any("no counterpart in training of pain; 1 images are not tested" in line for line in said)


def test_the_run_s_own_set_need_not_be_there(run, other, monkeypatch):
    real = opening.open_raw

    def gone(name, *of_the_set, **asked):
        assert name != "synthetic", "it was opened"
        return real(name, *of_the_set, **asked)

    monkeypatch.setattr(opening, "open_raw", gone)
    assert len(dmljax.evaluate(run, test=f"folder:{other}", progress=False, say=lambda line: None)) > 2


@pytest.mark.parametrize(
    ("test", "said"),
    [
        ("synthetic", "test: the run was trained with synthetic"),
        ("folder", "test: is written as name:folder"),
        ("folder:{other}/none", "test: "),
        ("nothing:{other}", "no 'nothing' among the datasets"),
    ],
)
def test_what_is_no_other_set(run, other, test, said):
    with pytest.raises(UserError) as told:
        dmljax.evaluate(run, test=test.format(other=other), progress=False)
    assert said in str(told.value)


def test_a_root_is_of_the_run_s_own_set(run, other):
    with pytest.raises(UserError, match="^root: is that of the run's own set"):
        dmljax.evaluate(run, test=f"folder:{other}", root=str(other), progress=False)


def test_a_set_that_may_be_the_run_s_own_in_another_place_is_told(run, other, tmp_path):
    config = dmljax.get_config("quick", {"dataset.train": f"folder:{other},kdef:{other}"})
    samples = SimpleNamespace(references=("0.png", "7.png", "new.png"))
    place = opening.Place("test", "folder", str(tmp_path))
    (tmp_path / "split.json").write_text(
        json.dumps({"train": ["folder#2:0.png", "kdef:new.png", "folder:9.png"]})
    )
    (line,) = elsewhere._perhaps_trained(tmp_path, config, place, samples)
    assert line.startswith("1 images are called as images of folder that the run was trained on")
    assert elsewhere._perhaps_trained(run, dmljax.get_config("quick"), place, samples) == []
