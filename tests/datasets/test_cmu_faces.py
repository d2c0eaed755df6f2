import tarfile

import numpy as np
import pytest

from dmljax.data.images import load
from dmljax.datasets import cmu_faces
from dmljax.types import UserError


def test_the_traps_of_its_layout(tmp_path):
    cmu_faces.write_fixture(tmp_path)
    samples = cmu_faces.samples(str(tmp_path))
    assert len(samples) == 3 * 4 * 4 * 2 and samples.identity_names == ("ann", "bob7", "cy")
    assert {s.reference: s.reason for s in samples.skipped} == {
        "faces/ann/ann_up_sad_open.bad": "marked .bad by the set's authors",
        "faces/ann/ann_sideways_sad_open.pgm": "unknown pose or expression 'sideways', 'sad'",
    }
    k = samples.references.index("faces/bob7/bob7_left_angry_sunglasses.pgm")
    assert (samples.expression[k], samples.pose[k], samples.identity[k]) == (3, 1, 1)
    assert samples.pose_yaw[1] > 0  # the set's 'left' has the nose towards the right of the image


def test_grey_levels_are_divided_by_the_file_s_own_maximum(tmp_path):
    cmu_faces.write_fixture(tmp_path)
    samples = cmu_faces.samples(str(tmp_path))
    reference = samples.references[0]
    numbers = np.array((tmp_path / reference).read_text().split()[1:], int)
    width, height, top = numbers[:3]
    window = numbers[3:].reshape(height, width)[8:98, 20:110]
    assert (
        np.abs(load(samples, samples.references.index(reference), 90)[..., 0] - window * 255 / top).max() <= 1
    )


def test_the_archive_gives_what_the_folder_gives(tmp_path):
    cmu_faces.write_fixture(tmp_path / "tree")
    (tmp_path / "packed").mkdir()
    with tarfile.open(tmp_path / "packed" / "faces.tar.xz", "w:xz", preset=0) as archive:
        archive.add(tmp_path / "tree" / "faces", "faces")
    folder = cmu_faces.samples(str(tmp_path / "tree"))
    for root in (tmp_path / "packed", tmp_path / "packed" / "faces.tar.xz"):
        packed = cmu_faces.samples(str(root))
        assert packed.references == folder.references and np.array_equal(packed.pose, folder.pose)
        assert packed.read(packed.references[3]) == folder.read(folder.references[3])


def test_a_broken_archive_and_an_unknown_option(tmp_path):
    (tmp_path / "faces.tar.xz").write_bytes(b"\xfd7zXZ cut off")
    with pytest.raises(UserError, match="cannot be read as a tar archive"):
        cmu_faces.samples(str(tmp_path))
    with pytest.raises(UserError, match="'all', 'open' or 'sunglasses'"):
        cmu_faces.samples(str(tmp_path), eyes="closed")
