"""Sets with some of the three labels: trained, evaluated, shown, audited, loaded; what is told of them."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import dmljax
from dmljax.report import write as tables
from dmljax.runs import audit, page
from dmljax.types import UserError

pytestmark = pytest.mark.usefixtures("standard_promotion")
COLUMNS = {"e": "expression", "p": "pose", "i": "identity"}
SMALL = {
    "data.image_size": 24,
    "data.tuples_per_step": 8,
    "backbone.resnet.width": 4,
    "backbone.resnet.stages": (1,),
    "model.branches": ("face",),
    "train.duration": "2 steps",
    "optimizer.warmup": "0 steps",
    "split.folds": 3,
}
FEW = ("e",)


def picture(path, level, rng):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = rng.integers(40, 120, (30, 26, 3)).astype(np.uint8)
    pixels[level * 8 : (level + 1) * 8] = 220
    Image.fromarray(pixels).save(path)


def manifest(folder, combination):
    """6 people x 3 expressions x 3 poses x 2, of which the file says some labels."""
    rng = np.random.default_rng(0)
    lines = [",".join(["path", *(COLUMNS[letter] for letter in combination)])]
    for who in range(6):
        for e, expression in enumerate(("angry", "happy", "neutral")):
            for p, pose in enumerate(("-45", "0", "45")):
                for again in range(2):
                    name = f"{who}_{expression}_{pose}_{again}.png"
                    picture(folder / name, e if "e" in combination else p, rng)
                    said = {"e": expression, "p": pose, "i": f"person {who}"}
                    lines.append(",".join([name, *(said[letter] for letter in combination)]))
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return {"dataset.name": "folder", "dataset.root": str(folder)}


def trained(config, run):
    """What is said while a run is trained."""
    told = []
    dmljax.train(config, run, progress=False, say=told.append)
    return told


def check_whole_way(run, heads, *, by_image):
    """Evaluates, shows, audits and loads a run, and holds what they say against its heads."""
    found = dmljax.evaluate(run, progress=False)
    assert {name.partition(" ")[0] for name in found} == set(heads)
    said = tables.report(found.folder)
    assert all(f"{head} accuracy: " in said for head in heads)
    text = page.write(run, features=False).read_text()
    assert ("<p class=said>split by image: the same person may be on both sides." in text) == by_image
    assert all(f'alt="confusion of {head}s"' in text for head in heads)
    assert {f"confusion_{head}.png" for head in heads} == {
        path.name for path in found.folder.glob("confusion_*.png")
    }
    rows = audit.audit([run], maps=False, progress=False).rows
    assert set(heads) <= {row["label"] for row in rows}
    predicted = dmljax.load(run).predict(np.full((2, 30, 26, 3), 90, np.uint8))
    assert (predicted.expression is not None) == ("expression" in heads)
    assert (predicted.pose is not None) == ("pose" in heads) == (predicted.yaw is not None)
    assert predicted.embedding.shape[0] == 2


@pytest.mark.parametrize(
    "combination",
    [
        pytest.param(each, marks=() if each in FEW else pytest.mark.slow)
        for each in ("e", "p", "ep", "ei", "pi", "epi")
    ],
)
def test_some_labels_of_a_manifest(combination, tmp_path):
    config = dmljax.get_config("quick", SMALL | manifest(tmp_path / "set", combination))
    told = trained(config, tmp_path / "run")
    heads = tuple(COLUMNS[letter] for letter in combination if letter != "i")
    decided = json.loads((tmp_path / "run" / "decided.json").read_text())
    whole = combination == "epi"
    assert decided["heads"] == list(heads)
    assert decided["sampler"] == ("five_tuples" if whole else "uniform")
    assert decided["triplets"] == (["pose", "identity"] if whole else [])
    for line in (*decided["told"], *decided["weaker"]):
        assert told.count(line) == 1
    assert len([line for line in told if "no five-tuple" in line]) == (not whole)
    check_whole_way(tmp_path / "run", heads, by_image="i" not in combination)


def test_identities_alone_teach_nothing(tmp_path):
    changes = SMALL | manifest(tmp_path / "set", "i")
    with pytest.raises(
        UserError, match="has neither expression nor pose nor angles, .* add a column of one of"
    ):
        trained(dmljax.get_config("quick", changes), tmp_path / "run")
    empty = (tmp_path / "set" / "manifest.csv").read_text().replace("identity", "identity,expression")
    (tmp_path / "set" / "manifest.csv").write_text(empty)
    with pytest.raises(UserError, match="no image has an expression or a pose; give at least one"):
        trained(dmljax.get_config("quick", changes), tmp_path / "run")


def test_one_class_teaches_nothing(tmp_path):
    """The set has two classes, and the images that train have one."""
    fields = SMALL | classes(tmp_path / "set", names=("1", "2"), count=1) | {"split.folds": 2}
    with pytest.raises(UserError, match="the training samples have one expression only, '[12]': nothing can"):
        trained(dmljax.get_config("quick", fields), tmp_path / "run")


def test_images_that_are_left_out_are_told_with_what_comes_of_it(tmp_path):
    fields = SMALL | classes(tmp_path / "set", names=("1", "2")) | {"split.folds": 2}
    for path in sorted((tmp_path / "set").rglob("*.png"))[:23]:
        path.write_text("no picture")
    said = r"folds take two images at least; there is 1 \(left out: 23 files of 24, such as '.*0.png': "
    with pytest.raises(UserError, match=said):
        trained(dmljax.get_config("quick", fields | {"data.batch_size": 8}), tmp_path / "run")


def test_a_file_that_a_manifest_names_and_is_not_there_is_told_too(tmp_path):
    picture(tmp_path / "set" / "face.png", 0, np.random.default_rng(0))
    (tmp_path / "set" / "manifest.csv").write_text("path,expression\nface.png,joy\nnope.png,sad\n")
    fields = {"dataset.name": "folder", "dataset.root": str(tmp_path / "set")}
    with pytest.raises(UserError, match=r"there is 1 \(left out: 1 file of 2, such as '.*nope.png': "):
        trained(dmljax.get_config("quick", SMALL | fields), tmp_path / "run")


def classes(folder, parts=("",), count=12, names=("1", "2", "3")):
    rng = np.random.default_rng(0)
    for part in parts:
        for k, name in enumerate(names):
            for number in range(count):
                picture(folder / part / name / f"{part}{number}.png", k % 3, rng)
    return {"dataset.name": "class_folders", "dataset.root": str(folder)}


@pytest.mark.slow
@pytest.mark.parametrize("what", ["expression", "pose"])
def test_class_folders_without_parts(what, tmp_path):
    names = ("1", "2", "3") if what == "expression" else ("-30", "0", "30")
    changes = SMALL | classes(tmp_path / "set", count=20, names=names)
    config = dmljax.get_config("quick", changes | {"dataset.class_folders.classes": what})
    trained(config, tmp_path / "run")
    check_whole_way(tmp_path / "run", (what,), by_image=True)
    assert getattr(dmljax.load(tmp_path / "run").classes, f"{what}_names") == names


@pytest.mark.slow
def test_class_folders_with_parts_are_split_as_they_say(tmp_path):
    root = tmp_path / "set"
    config = dmljax.get_config("quick", SMALL | classes(root, ("train", "valid", "test"), count=16))
    told = trained(config, tmp_path / "run")
    assert "nobody is known: who trains and who tests is as class_folders gives it" in told
    split = json.loads((tmp_path / "run" / "split.json").read_text())
    for side, part in (("train", "train"), ("validation", "valid"), ("test", "test")):
        assert len(split[side]) == 48 and all(name.startswith(f"{part}/") for name in split[side])
    check_whole_way(tmp_path / "run", ("expression",), by_image=False)


def test_folds_of_a_set_that_says_who_tests_are_one_run(tmp_path):
    from dmljax.runs import sets

    changes = SMALL | classes(tmp_path / "set", ("train", "test"), count=1) | {"split.fold": -1}
    assert len(sets.folds(dmljax.get_config("quick", changes), tmp_path)) == 1
    by_image = dmljax.get_config("quick", changes | {"split.kind": "images"})
    assert [folder.name for _, folder in sets.folds(by_image, tmp_path)] == ["fold_0", "fold_1", "fold_2"]


@pytest.mark.slow
@pytest.mark.parametrize("feed", ["resident", "tfdata"])
@pytest.mark.parametrize("sampler", ["uniform", "balanced", "pk"])
@pytest.mark.filterwarnings("ignore")  # of TensorFlow's own imports
def test_every_sampler_on_a_whole_set_keeps_the_triplets(sampler, feed, tmp_path):
    if feed == "tfdata":
        pytest.importorskip("tensorflow")
    changes = SMALL | manifest(tmp_path / "set", "epi") | {"data.feed": feed, "sampler.name": sampler}
    changes |= {"sampler.pk.classes": 2, "augment.flip": 0.5, "data.batch_size": 24}
    trained(dmljax.get_config("quick", changes), tmp_path / "run")
    line = json.loads((tmp_path / "run" / "train.jsonl").read_text().splitlines()[-1])
    assert np.isfinite(line["loss/triplet"]) and line["triplet/pose_valid"] > 0


LISTINGS = Path(__file__).parents[2].parent / "shared" / "listings"


@pytest.mark.slow
@pytest.mark.skipif(not LISTINGS.is_dir(), reason="the listings of the licensed sets are not here")
def test_sfew_by_its_real_names(tmp_path):
    rng = np.random.default_rng(0)
    for part in ("train", "val", "test"):
        for name in (LISTINGS / f"sfew2_{part}.txt").read_text().split():
            picture(tmp_path / "set" / name, sum(map(ord, name.split("/")[1])) % 3, rng)
    small = {key: value for key, value in SMALL.items() if key != "split.folds"}
    config = dmljax.get_config("sfew", small | {"dataset.root": str(tmp_path / "set")})
    told = trained(config, tmp_path / "run")
    assert any("train 958 images, test 436 images" in line for line in told)
    check_whole_way(tmp_path / "run", ("expression",), by_image=False)
