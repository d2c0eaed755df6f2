import numpy as np
import pytest

from dmljax.data import splits
from dmljax.data.images import load
from dmljax.datasets import ict3dfe
from dmljax.types import UserError


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ict")
    ict3dfe.write_fixture(str(folder))
    return str(folder)


def test_the_design_of_bu3dfe(root):
    samples = ict3dfe.samples(root)
    assert len(samples) == 100 * 6 * 4 * 9 == 21_600
    cells, counts = np.unique(
        np.stack([samples.expression, samples.pose, samples.identity]), axis=1, return_counts=True
    )
    assert cells.shape[1] == 100 * 6 * 9 and set(counts) == {4}  # levels
    split = splits.make(samples, kind="given", folds=5, fold=0, test=0.2, validation=0.0, seed=0)
    assert len(split.train) == 15_120 and len(split.test) == 6_480
    assert not set(samples.identity[split.train]) & set(samples.identity[split.test])


def test_views_of_one_scan_share_the_performance_and_levels_grow(root, monkeypatch):
    seen = []
    monkeypatch.setattr(ict3dfe.ict, "act", lambda model, bust, action: seen.append(action) or bust)
    fields = {"root": root, "size": 16, "window": "face", "difficulty": 0.0, "seed": 0}
    for number in (0, 1, 8, 9, 27):  # level 1 from three sides, level 2, level 4
        ict3dfe.picture(number, **fields)
    assert np.array_equal(seen[0], seen[1]) and np.array_equal(seen[0], seen[2])
    np.testing.assert_allclose(seen[3], seen[0] * ict3dfe.LEVELS[1] / ict3dfe.LEVELS[0])
    np.testing.assert_allclose(seen[4], seen[0] * ict3dfe.LEVELS[3] / ict3dfe.LEVELS[0])


def test_a_picture_is_the_same_every_time_and_another_from_another_side(root):
    samples = ict3dfe.samples(root, identities=2, size=32)
    first, side = (
        load(samples, samples.references.index(reference), 32)
        for reference in ("000/anger/4/0", "000/anger/4/90")
    )
    assert np.array_equal(
        first, load(samples, samples.references.index("000/anger/4/0"), 32)
    ) and not np.array_equal(first, side)


def test_angles_are_those_of_the_pictures(root, monkeypatch):
    seen = []
    blank = np.zeros((16, 16, 3), np.uint8)
    monkeypatch.setattr(ict3dfe.studio, "photograph", lambda bust, at, *_: seen.append(at.camera) or blank)
    monkeypatch.setattr(ict3dfe.ict, "act", lambda model, bust, action: bust)
    references = ict3dfe.samples(root, identities=2).references[:20]
    for number in range(20):
        ict3dfe.picture(number, root=root, size=16, window="face", difficulty=0.6, seed=2)
    found = ict3dfe.angles(references, difficulty=0.6, seed=2, identities=2)
    np.testing.assert_allclose(found, [[c.yaw, c.pitch, c.roll] for c in seen], rtol=1e-6)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"identities": 1}, "identities must be from 2"),
        ({"size": 4}, "size must be from 16"),
        ({"difficulty": -0.1}, "difficulty must be from 0"),
        ({"window": "nose"}, "window must be one of head, face"),
    ],
)
def test_fields_out_of_range(root, fields, told):
    with pytest.raises(UserError, match=f"ict3dfe: {told}"):
        ict3dfe.samples(root, **fields)


def test_a_root_is_needed():
    with pytest.raises(UserError, match="dataset.root: ict3dfe: give the ICT Face Model"):
        ict3dfe.samples("")
