"""What every dataset plug-in keeps."""

import numpy as np
import pytest

from dmljax import plugins
from dmljax.data.images import read_all
from dmljax.types import MISSING, UserError

NAMES = plugins.names("datasets")


@pytest.fixture(params=NAMES)
def samples(request, tmp_path):
    plugin = plugins.load("datasets", request.param)
    plugin.write_fixture(str(tmp_path))
    return plugin.samples(str(tmp_path), **plugin.default_config())


def test_labels_fit_their_names(samples):
    assert len(samples) and len(set(samples.references)) == len(samples)
    for labels, names in (
        (samples.expression, samples.expression_names),
        (samples.pose, samples.pose_names),
        (samples.identity, samples.identity_names),
    ):
        assert labels.dtype == np.int32 and labels.shape == (len(samples),)
        assert labels.min() >= MISSING and labels.max() < len(names) and len(set(names)) == len(names)


def test_mirror_is_an_involution_that_negates_the_yaw(samples):
    assert len(samples.pose_mirror) == len(samples.pose_yaw) == len(samples.pose_names)
    for pose, mirrored in enumerate(samples.pose_mirror):
        if mirrored != MISSING:
            assert samples.pose_mirror[mirrored] == pose
            yaw = samples.pose_yaw[pose]
            assert (np.isnan(yaw) and np.isnan(samples.pose_yaw[mirrored])) or samples.pose_yaw[
                mirrored
            ] == -yaw


def test_images_can_be_read_and_are_the_same_every_time(samples):
    few = samples.take(np.arange(min(8, len(samples))))
    _, first = read_all(few, 16, progress=False)
    _, again = read_all(few, 16, progress=False)
    assert first.shape[1:] == (16, 16, 3) and np.array_equal(first, again) and first.std() > 1


@pytest.mark.parametrize("name", [n for n in NAMES if n != "synthetic"])
def test_a_missing_or_empty_folder_is_one_clear_error(name, tmp_path):
    plugin = plugins.load("datasets", name)
    for root in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(UserError, match=name):
            plugin.samples(str(root), **plugin.default_config())
