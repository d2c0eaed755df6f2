"""What can be refused or told of a training before its set is read, or from its durations alone."""

import numpy as np
import pytest

import dmljax
from dmljax.data.sides import Split
from dmljax.datasets import synthetic
from dmljax.runs import assemble, decided, loop, sets, timetable
from dmljax.types import UserError

SMALL = {"dataset.synthetic.identities": 4, "data.image_size": 24, "data.tuples_per_step": 8}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"split.fold": 7}, "split.fold must be from 0 to 4 .split.folds=5., got 7"),
        ({"split.fold": -2}, "split.fold must be "),
        ({"init.run": "nowhere"}, "init.run: 'nowhere' is no folder; give the folder of a training"),
        ({"backbone.resnet.depth": 20}, "backbone.resnet.depth must be one of 18, 34, 50, 101"),
        (
            {"weighting.name": "single", "weighting.single.task": "smile"},
            "weighting.single: there is no task 'smile'; there are expression, pose, triplet",
        ),
        (
            {"weighting.name": "single", "weighting.single.task": "pose", "model.pose_head": False},
            "there is no task 'pose'; there are expression, triplet",
        ),
        ({"weighting.name": "dwa", "weighting.dwa.window": 0}, "weighting.dwa.window must be "),
        ({"phases.first": "200%"}, "phases.first: must be from 0% to 100% of the run; got '200%'"),
        ({"optimizer.warmup": "101 %"}, "optimizer.warmup: must be from 0% to 100%"),
    ],
)
def test_a_field_is_refused_before_the_set_is_read(changes, said, tmp_path, monkeypatch):
    monkeypatch.setattr(sets, "open_samples", lambda *args, **options: pytest.fail("the set was opened"))
    with pytest.raises(UserError, match=said):
        loop.train(dmljax.get_config("quick", SMALL | changes), tmp_path / "run", progress=False)
    assert not (tmp_path / "run" / "config.json").exists()


def test_a_split_is_refused_before_images_are_read(monkeypatch):
    monkeypatch.setattr(sets.feeds, "build", lambda *args, **options: pytest.fail("images were read"))
    for changes, said in (({"split.kind": "paper"}, "did not use"), ({"split.folds": 9}, "4 identities")):
        with pytest.raises(UserError, match=said):
            sets.open_set(dmljax.get_config("quick", SMALL | changes), progress=False)


def test_a_batch_is_refused_before_images_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(sets.feeds, "build", lambda *args, **options: pytest.fail("images were read"))
    for changes, said in (
        ({"data.tuples_per_step": 3}, "data.tuples_per_step=3 .* does not divide among 8 devices"),
        ({"sampler.name": "balanced", "data.batch_size": 12}, "12 images does not divide among 8 devices"),
        ({"sampler.name": "pk", "sampler.pk.classes": 9}, "sampler.pk.classes: .* has 7 classes"),
        ({"mix.mixup": 1.0}, "must be below 1, which leaves unmixed images to: pose, triplet"),
    ):
        with pytest.raises(UserError, match=said):
            loop.train(
                dmljax.get_config("quick", SMALL | {"split.folds": 2} | changes),
                tmp_path / "run",
                progress=False,
            )


def test_a_set_to_test_on_leaves_no_folds_to_train(tmp_path):
    joined = {"dataset.test": "sfew:b", "dataset.train": "kdef:a", "split.fold": -1, "split.folds": 3}
    config = dmljax.get_config("quick", joined)
    assert sets.folds(config, tmp_path) == [(config, tmp_path)]
    by_fold = dmljax.get_config("quick", joined | {"dataset.test": "", "dataset.train": ""})
    assert [folder.name for _, folder in sets.folds(by_fold, tmp_path)] == ["fold_0", "fold_1", "fold_2"]


def test_what_is_never_trained_is_told():
    changes = {"train.duration": "9 steps", "phases.first": "9 steps", "optimizer.warmup": "8 steps"}
    never = "phases.first=9 steps is not shorter than the run of 9 steps: the pose branch is never trained"
    for more, told in (
        ({}, [never]),
        ({"phases.first": "50%"}, []),
        ({"model.pose_head": False}, []),
    ):
        config = dmljax.get_config("quick", changes | more)
        assert (
            timetable.too_long(config, timetable.schedule(config, 5), assemble.loss_options(config)) == told
        )


def test_what_the_labels_leave_to_mix_and_to_mine():
    samples = synthetic.samples(identities=4)
    nothing = np.full(len(samples), -1, np.int32)
    alone = samples.replace(pose=nothing, pose_names=(), pose_yaw=(), pose_mirror=())
    alone = alone.replace(identity=nothing, identity_names=())
    split = Split(np.arange(0, len(samples), 2), np.empty(0, int), np.arange(1, len(samples), 2))
    changes = {"mix.mixup": 1.0, "data.batch_size": 8, "losses.anchors": "tuple", "split.kind": "images"}
    mined = dmljax.get_config("quick", changes | {"losses.triplets": ("expression",)})
    found = decided.decide(mined, alone, split)
    assert found.heads == ("expression",) and found.triplets == ("expression",)
    assert any(line.startswith("every image is an anchor (losses.anchors)") for line in found.told)
    with pytest.raises(UserError, match="leaves unmixed images to: triplet"):
        assemble.mixing(mined, assemble.loss_options(mined, found))
    plain = dmljax.get_config("quick", changes | {"losses.triplets": ()})
    losses = assemble.loss_options(plain, decided.decide(plain, alone, split))
    assert assemble.mixing(plain, losses).mixup == 1.0
