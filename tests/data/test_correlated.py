"""Training images at a pose that goes with their expression: how many, which, and on which side."""

import dataclasses

import numpy as np
import pytest

from dmljax.data import correlated, splits
from dmljax.datasets import synthetic
from dmljax.types import UserError

PEOPLE = 60


@pytest.fixture(scope="module")
def samples():
    return synthetic.samples(identities=PEOPLE)


def make(samples, **fields):
    base = {"kind": "folds", "folds": 3, "fold": 0, "test": 0.2, "validation": 0.25, "seed": 5}
    return splits.make(samples, **base | fields)


def share_at_own(samples, rows, said=""):
    own, hits = correlated.poses_of(samples, said), 0
    for row in rows:
        hits += samples.pose[row] == own[samples.expression[row]]
    assert correlated.share(samples, rows, said) == pytest.approx(hits / len(rows))
    return hits / len(rows)


@pytest.mark.parametrize("shown", [1, 2, 3])
@pytest.mark.parametrize("correlation", [0.0, 0.5, 1.0])
def test_as_many_images_whatever_the_correlation_and_poses_as_often_as_said(samples, shown, correlation):
    whole = make(samples)
    split = make(samples, shown=shown, correlation=correlation)
    np.testing.assert_array_equal(split.test, whole.test)
    poses, expressions = len(samples.pose_names), len(samples.expression_names)
    # of the draws without replacement: the chance that the own pose is among them, by hand
    missed, left = 1.0, poses
    for _ in range(shown):
        missed *= (1 - correlation) * (1 - 1 / left)
        left -= 1
    for part, all_of in zip(split[:2], whole[:2]):
        assert set(part) <= set(all_of) and (np.diff(part) > 0).all()
        people = len(np.unique(samples.identity[all_of]))
        assert len(part) == people * expressions * shown
        count = np.unique(
            np.stack([samples.identity[part], samples.expression[part]]), axis=1, return_counts=True
        )[1]
        assert (count == shown).all()
        expected = (1 - missed) / shown
        tolerance = 4 * (expected * (1 - expected) / len(part)) ** 0.5 + 1e-9
        assert abs(share_at_own(samples, part) - expected) <= tolerance


def test_poses_of_expressions_by_name(samples):
    expressions, poses = samples.expression_names, samples.pose_names
    said = f"{expressions[2]}={poses[4]}, {expressions[0]}={poses[3]}"
    found = correlated.poses_of(samples, said)
    assert found[2] == 4 and found[0] == 3 and found[1] == 1 and found[6] == 6 % len(samples.pose_names)
    split = make(samples, shown=1, correlation=1.0, poses_of=said)
    assert share_at_own(samples, split.train, said) == 1.0


def test_the_same_seed_keeps_the_same_images_and_another_others(samples):
    fields = {"shown": 1, "correlation": 0.3}
    one, same, other = make(samples, **fields), make(samples, **fields), make(samples, **fields, seed=6)
    np.testing.assert_array_equal(one.train, same.train)
    assert not np.array_equal(one.train, other.train)


def test_images_without_a_label_stay_and_few_images_are_all_kept(samples):
    pose = samples.pose.copy()
    pose[::7] = -1
    lacking = dataclasses.replace(samples, pose=pose)
    rows = np.arange(0, len(pose))
    kept = correlated.chosen(lacking, rows, shown=1, correlation=0.5, text="", seed=0)
    assert set(np.flatnonzero(pose < 0)) <= set(kept.tolist())
    assert len(correlated.chosen(samples, rows, shown=99, correlation=0.9, text="", seed=0)) == len(rows)


def test_mistakes(samples):
    for change in ({"correlation": 0.5}, {"poses_of": "happiness=0"}):
        with pytest.raises(UserError, match="split.correlation and split.poses_of .* set split.shown"):
            make(samples, **change)
    for column in ("pose", "expression"):
        lacking = dataclasses.replace(samples, **{column: np.full(len(samples), -1, np.int32)})
        with pytest.raises(UserError, match="split.shown: .* has no images of two expressions at two poses"):
            make(lacking, shown=1, stratify=False)
    with pytest.raises(UserError, match="has no images of two expressions at two poses"):
        make(dataclasses.replace(samples, pose_names=("0",), pose=samples.pose * 0), shown=1)
    with pytest.raises(UserError, match="'hapiness' is no expression of .*Did you mean 'happiness'"):
        make(samples, shown=1, correlation=0.5, poses_of="hapiness=0")
    with pytest.raises(UserError, match="'50' is no pose"):
        make(samples, shown=1, correlation=0.5, poses_of="happiness=50")
    with pytest.raises(UserError, match="must be EXPRESSION=POSE,EXPRESSION=POSE"):
        make(samples, shown=1, correlation=0.5, poses_of="happiness")
