import numpy as np
import pytest

from dmljax.data.images import load
from dmljax.data.reading import read_all
from dmljax.datasets import bu3dfe
from dmljax.types import UserError


@pytest.fixture
def root(tmp_path):
    bu3dfe.write_fixture(str(tmp_path))
    return tmp_path


def test_every_scan_is_seen_from_nine_sides(root):
    samples = bu3dfe.samples(str(root))
    assert len(samples) == (2 * 2 * 2 + 2) * 9  # with the two defective scans, which only rendering finds
    assert samples.references[0] == "F0001/F0001_AN01WH@-90" and samples.identity_names == ("F0001", "M0002")
    assert samples.expression_names == ("anger", "disgust", "fear", "happiness", "sadness", "surprise")
    assert len(bu3dfe.samples(str(root), views="five")) == 10 * 5


def test_neutral_scans_count_only_if_asked_for(root):
    bu3dfe._write_scan(root / "F0001/F0001_NE00WH_F3D.wrl", 0.0)
    assert (
        len(bu3dfe.samples(str(root))) == 90 and "neutral" not in bu3dfe.samples(str(root)).expression_names
    )
    samples = bu3dfe.samples(str(root), neutral=True)
    assert len(samples) == 99 and (samples.expression == samples.expression_names.index("neutral")).sum() == 9


def test_defective_scans_are_skipped_and_listed(root):
    samples, pixels = read_all(bu3dfe.samples(str(root), size=32), 32, progress=False)
    assert len(samples) == 72 and pixels.std() > 1
    reasons = {s.reference: s.reason for s in samples.skipped}
    assert len(reasons) == 1 + 9 + 9
    assert "its name is not" in reasons["F0001/F0001_XX01WH_F3D.wrl"]
    assert "a triangle names vertex 9999; there are 81" in reasons["F0001/F0001_SU04WH@0"]
    assert "M0002_SU04WH_F3D.bmp is missing" in reasons["M0002/M0002_SU04WH@-90"]


def test_the_texture_lies_where_the_scan_says_and_yaw_turns_it(root):
    samples = bu3dfe.samples(str(root), size=64)
    front, left, right = (
        load(samples, samples.references.index(f"F0001/F0001_HA04WH@{yaw}"), 64).astype(float)
        for yaw in (0, 45, -45)
    )
    face = front[20:44, 20:44]
    # the fixture's texture grows redder to the right
    assert face[:, -4:, 0].mean() > face[:, :4, 0].mean() + 30
    assert face[-4:, :, 1].mean() > face[:4, :, 1].mean() + 30  # and greener downwards
    # Turned to the person's left, the top of the bulge (the middle of the ramp) moves to the right of the
    # image.
    top = lambda picture: int(np.abs(picture[32, :, 0] - front[32, 32, 0]).argmin())
    assert top(left) > 34 and top(right) < 30


@pytest.mark.parametrize(
    ("fields", "told"),
    [({"views": "seven"}, "views must be one of nine, five"), ({"size": 1}, "size must be from 16")],
)
def test_fields_out_of_range(root, fields, told):
    with pytest.raises(UserError, match=f"bu3dfe: {told}"):
        bu3dfe.samples(str(root), **fields)


def test_a_changed_scan_is_rendered_anew(root):
    samples = bu3dfe.samples(str(root), size=32)
    before = load(samples, samples.references.index("F0001/F0001_HA04WH@0"), 32)
    bu3dfe._write_scan(root / "F0001/F0001_HA04WH_F3D.wrl", 2.0)
    bu3dfe._centred.cache_clear()
    after = load(bu3dfe.samples(str(root), size=32), samples.references.index("F0001/F0001_HA04WH@0"), 32)
    assert not np.array_equal(before, after)
