import numpy as np
import pytest

from dmljax.data import labels, splits
from dmljax.data.images import read_all
from dmljax.data.joined import join
from dmljax.datasets import bu3dfe, cmu_faces, folder, kdef, multipie, rafd, sfew
from dmljax.types import UserError


@pytest.fixture
def sets(tmp_path):
    found = {}
    for plugin in (kdef, rafd, sfew, cmu_faces, multipie):
        name = plugin.__name__.rpartition(".")[2]
        plugin.write_fixture(str(tmp_path / name))
        found[name] = plugin.samples(str(tmp_path / name))
    return found


def test_names_of_expressions():
    assert [labels.expression(name) for name in ("afraid", "Fear", "fearful")] == ["fear"] * 3
    assert [labels.expression(name) for name in ("smile", "HAPPY", "happiness", "joy")] == ["happiness"] * 4
    assert labels.expression("scream") == "scream" and labels.expression("Squint ") == "squint"
    common = {
        labels.expression(name)
        for plugin in (kdef, rafd, sfew)
        for name in (
            getattr(plugin, "EXPRESSIONS", ()) or getattr(plugin, "CLASSES", ()) or plugin.CODES.values()
        )
    }
    assert common == set(labels.EXPRESSIONS)
    assert {labels.expression(name) for name in bu3dfe.CODES.values()} == set(labels.EXPRESSIONS) - {
        "contempt"
    }


def test_joined_labels_meet_and_people_do_not(sets):
    both = join([sets["kdef"], sets["rafd"]])
    assert both.name == "kdef+rafd" and len(both) == len(sets["kdef"]) + len(sets["rafd"])
    assert both.pose_names == ("-90", "-45", "0", "45", "90") and both.pose_mirror == (4, 3, 2, 1, 0)
    assert (
        "fear" in both.expression_names
        and "contempt" in both.expression_names
        and len(both.expression_names) == 8
    )
    assert both.identity_names == (
        "kdef/F01",
        "kdef/F31",
        "kdef/M02",
        "kdef/M31",
        "rafd/01",
        "rafd/07",
        "rafd/73",
    )
    for k in (0, 100, 300, len(both) - 1):
        own, _, reference = both.references[k].partition(":")
        one = sets[own]
        j = one.references.index(reference)
        assert both.expression_names[both.expression[k]] == labels.expression(
            one.expression_names[one.expression[j]]
        )
        assert both.pose_yaw[both.pose[k]] == one.pose_yaw[one.pose[j]]
        assert both.identity_names[both.identity[k]] == f"{own}/{one.identity_names[one.identity[j]]}"
        assert both.read(both.references[k]) == one.read(reference)
    assert tuple(both.boxes[0]) == kdef.WINDOW and not both.boxes[-1].any()
    kept, _ = read_all(both, 16, keep=False, progress=False)
    assert len(kept) == len(both) - 3  # a placeholder and two files that do not decode


def test_poses_that_are_no_yaw_keep_their_names(sets):
    both = join([sets["cmu_faces"], sets["multipie"]])
    assert both.pose_names == ("-45", "-30", "-15", "0", "15", "30", "45", "up") and both.pose_mirror == (
        6,
        5,
        4,
        3,
        2,
        1,
        0,
        7,
    )
    assert "scream" in both.expression_names and both.darkest.min() == 0 and both.darkest.max() == 10


def test_testing_on_another_set(sets):
    cross = join([sets["rafd"]], sets["sfew"])
    split = splits.make(cross, kind="given", folds=5, fold=0, test=0.2, validation=0, seed=0)
    assert (
        len(split.test) == 14
        and (cross.pose[split.test] == -1).all()
        and not set(cross.identity[split.test]) - {-1}
    )
    assert cross.notes == ("sfew: has no contempt, which training has",)
    less = join([sets["kdef"]], sets["multipie"])
    told = " ".join(less.notes)
    assert (
        "no counterpart in training of squint, scream" in told
        and "has no anger, fear, sadness" in told
        and "of the pose -15, -30, 15, 30" in told
    )
    tested = less.expression[less.partition == 1]
    assert set(np.unique(tested)) == {
        less.expression_names.index(name) for name in ("neutral", "happiness", "surprise", "disgust")
    }
    assert sum("no counterpart of 'scream'" in s.reason for s in less.skipped) == 5 * 4


def test_the_official_sides_are_kept(sets):
    """Of SFEW as a training set its training part, as a test set its validation part."""
    assert (
        len(join([sets["sfew"]])) == 21 and len(join([sets["kdef"]], sets["sfew"])) == len(sets["kdef"]) + 14
    )


def test_the_same_people_on_both_sides_are_an_error(sets):
    with pytest.raises(UserError, match="comes twice"):
        join([sets["kdef"], sets["kdef"]])
    half = sets["kdef"].take(np.arange(100))
    rest = sets["kdef"].take(np.arange(100, 280))
    crossed = join([half], rest)
    with pytest.raises(UserError, match="in train and in test, e.g. 'kdef/"):
        splits.make(crossed, kind="given", folds=5, fold=0, test=0.2, validation=0, seed=0)


def test_nothing_in_common(sets, tmp_path):
    folder.write_fixture(str(tmp_path / "own"))
    manifest = tmp_path / "own" / "manifest.csv"
    manifest.write_text(
        manifest.read_text()
        .replace(",anger,", ",puzzled,")
        .replace(",joy,", ",bored,")
        .replace(",neutral,", ",tired,")
    )
    with pytest.raises(
        UserError, match="none of its expressions .bored, puzzled, tired. is among the learnt ones"
    ):
        join([sets["kdef"]], folder.samples(str(tmp_path / "own")))
