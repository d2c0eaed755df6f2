import numpy as np
import pytest
from PIL import Image

from dmljax.data import labels, splits
from dmljax.data.joined import join, onto
from dmljax.data.reading import read_all
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
    assert cross.notes[-1] == "sfew: has no contempt, which training has"
    # what the sets themselves tell is told once
    assert sum("WARNING: rafd" in note for note in cross.notes) == 1
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
        len(join([sets["sfew"]])) == 24 and len(join([sets["kdef"]], sets["sfew"])) == len(sets["kdef"]) + 14
    )


def test_the_same_people_on_both_sides_are_an_error(sets):
    with pytest.raises(UserError, match="comes twice"):
        join([sets["kdef"], sets["kdef"]])
    half = sets["kdef"].take(np.arange(100))
    rest = sets["kdef"].take(np.arange(100, 280))
    crossed = join([half], rest)
    with pytest.raises(UserError, match="in train and in test, e.g. 'kdef/"):
        splits.make(crossed, kind="given", folds=5, fold=0, test=0.2, validation=0, seed=0)


def own(path, grey, names=("a.png", "b.png")):
    path.mkdir()
    for name in names:
        Image.new("RGB", (20, 20), (grey,) * 3).save(path / name)
    rows = [f"{name},{('joy', 'fear')[k % 2]},0,ann" for k, name in enumerate(names)]
    (path / "manifest.csv").write_text("path,expression,pose,identity\n" + "\n".join(rows) + "\n")
    return folder.samples(str(path))


def test_two_own_folders_keep_their_pictures_and_their_people(tmp_path):
    """Files and people of one name in both; a file that only one has; one against the other."""
    a, b = own(tmp_path / "A", 60, ("a.png", "b.png", "c.png")), own(tmp_path / "B", 200)
    both = join([a, b])
    _, pixels = read_all(both, 8, progress=False)
    assert pixels.mean((1, 2, 3)).tolist() == [60, 60, 60, 200, 200]
    assert both.references[2:4] == ("folder#1:c.png", "folder#2:a.png") and both.name == "folder#1+folder#2"
    assert both.notes[-2:] == (f"folder#1 is '{a.place}'", f"folder#2 is '{b.place}'")
    assert both.identity_names == ("folder#1/ann", "folder#2/ann") and both.identity.tolist() == [
        0,
        0,
        0,
        1,
        1,
    ]
    cross = join([a], b)
    split = splits.make(cross, kind="given", folds=5, fold=0, test=0.2, validation=0, seed=0)
    _, pixels = read_all(cross, 8, progress=False)
    assert pixels[split.train].mean() == 60 and pixels[split.test].mean() == 200
    with pytest.raises(UserError, match="'folder:a.png' comes twice"):
        join([a, folder.samples(str(tmp_path / "A" / "manifest.csv"))])


def test_parts_of_a_set_in_two_places_are_read_from_their_own(tmp_path, sets):
    """People of a licensed set are the same people wherever it lies."""
    kdef.write_fixture(str(tmp_path / "other"))
    rest = kdef.samples(str(tmp_path / "other"))
    for path in (tmp_path / "other").rglob("BM31*.JPG"):
        Image.new("RGB", (562, 762), (90, 90, 90)).save(path)
    both = join([sets["kdef"].take(np.arange(100)), rest.take(np.arange(100, 280))])
    assert both.identity_names == ("kdef/F01", "kdef/F31", "kdef/M02", "kdef/M31")
    assert both.read(both.references[0]) == sets["kdef"].read(sets["kdef"].references[0])
    assert both.read(both.references[-1]) == rest.read(rest.references[-1])


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


def test_angles_go_along_and_are_unknown_where_a_set_has_none(sets):
    assert join([sets["kdef"], sets["rafd"]]).angles is None
    angles = np.arange(3 * len(sets["rafd"]), dtype=np.float32).reshape(-1, 3)
    angles[4] = np.nan
    both = join([sets["kdef"], sets["rafd"].replace(angles=angles)])
    count = len(sets["kdef"])
    assert both.angles.dtype == np.float32 and np.isnan(both.angles[:count]).all()
    assert np.array_equal(both.angles[count:], angles, equal_nan=True)
    assert np.array_equal(both.take([count + 2]).angles, angles[2:3])


def test_of_a_set_to_test_on_only_learnt_angles_are_known(sets):
    test = sets["rafd"].replace(angles=np.ones((len(sets["rafd"]), 3), np.float32))
    classes = test.expression_names, test.pose_names, test.pose_yaw
    found = onto(test, *classes, ("yaw", "roll"))
    assert found.angles_names == ("yaw", "roll") and found.angles.dtype == np.float32
    assert onto(test, *classes).angles is None
    assert onto(sets["rafd"], *classes, ("yaw",)).angles is None
