"""Poses without a mirror image: nothing is flipped, and that is told, in training and in evaluation."""

import json

import numpy as np
import pytest
from PIL import Image

import dmljax
from dmljax.datasets import cmu_faces, folder
from dmljax.runs import sets

pytestmark = pytest.mark.usefixtures("standard_promotion")

TINY = {
    "dataset.name": "folder",
    "data.image_size": 24,
    "data.tuples_per_step": 8,
    "backbone.resnet.width": 4,
    "backbone.resnet.stages": (1,),
    "model.embedding": 8,
    "model.fused": 8,
    "model.hidden": 8,
    "train.duration": "1 step",
    "split.folds": 2,
    "split.validation": 0.0,
    "augment.flip": 0.5,
}


def write(root, poses):
    """12 people x 3 poses x 3 expressions of noise."""
    rng, lines = np.random.default_rng(0), ["path,expression,pose,identity"]
    for who in range(12):
        for pose in poses:
            for expression in ("anger", "joy", "fear"):
                name = f"{who}{pose}{expression}.png"
                Image.fromarray(rng.integers(40, 220, (24, 24, 3)).astype(np.uint8)).save(root / name)
                lines.append(f"{name},{expression},{pose},p{who}")
    (root / "manifest.csv").write_text("\n".join(lines) + "\n")


@pytest.mark.slow
def test_poses_that_are_words(tmp_path):
    write(tmp_path, ("left", "frontal", "right"))
    told = []
    config = dmljax.get_config("quick", TINY | {"dataset.root": str(tmp_path)})
    dmljax.train(config, tmp_path / "run", progress=False, say=told.append)
    lacking = "folder has no mirror image of the pose 'frontal', 'left', 'right'"
    assert f"augment.flip=0.5: nothing is flipped; {lacking}" in "\n".join(told)
    plain = dmljax.evaluate(tmp_path / "run", progress=False)
    told.clear()
    flipped = dmljax.evaluate(tmp_path / "run", flip=True, progress=False, say=told.append)
    assert len(told) == 1 and lacking in told[0] and "nothing is flipped" in told[0]
    assert dict(flipped) == dict(plain) and flipped.folder == plain.folder
    metrics = json.loads((plain.folder / "metrics.json").read_text())
    assert metrics["scores"] == dict(plain)


def test_a_pose_without_partner_is_told_and_complete_poses_are_not(tmp_path):
    write(tmp_path, (-45, 0, 30))
    samples = folder.samples(str(tmp_path))

    class Feed:
        pass

    feed = Feed()
    feed.samples = samples
    data = sets.Set(feed, sets.splits.Split(np.arange(48), np.arange(0), np.arange(48, 96)), [], {})
    config = dmljax.get_config("quick", {"augment.flip": 0.5})
    told = sets.describe(data, config)
    assert "five-tuples with these poses are not flipped" in told and "the pose '-45', '30';" in told
    assert "flip" not in sets.describe(data, dmljax.get_config("quick", {"augment.flip": 0.0}))
    cmu_faces.write_fixture(str(tmp_path / "cmu"))
    feed.samples = cmu_faces.samples(str(tmp_path / "cmu"))
    assert "flip" not in sets.describe(data, config)


def test_an_official_split_is_used_or_its_being_ignored_is_told(tmp_path):
    write(tmp_path, (-45, 0, 45))
    manifest = tmp_path / "manifest.csv"
    head, *lines = manifest.read_text().split()
    sides = [f"{line},{'test' if line.endswith(('p0', 'p1')) else 'train'}" for line in lines]
    manifest.write_text("\n".join([f"{head},split", *sides]) + "\n")
    few = {"dataset.name": "folder", "dataset.root": str(tmp_path), "data.image_size": 24}
    config = dmljax.get_config("quick", few)
    told = sets.describe(sets.open_set(config, progress=False), config)
    assert "split.kind=folds: the official split of folder (a manifest's column split) is not used" in told
    config = dmljax.get_config("quick", few | {"split.kind": "given", "split.validation": 0.0})
    data = sets.open_set(config, progress=False)
    assert "official" not in sets.describe(data, config)
    assert len(data.split.train) == 90 and set(data.samples.identity[data.split.test]) == {0, 1}
