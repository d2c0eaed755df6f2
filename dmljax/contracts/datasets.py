"""What every dataset keeps: labels that fit their names, mirrored poses, images that can be read again.

Tests take a fixture `plugin`, the dataset's module. Its `write_fixture(root)` writes a tiny tree in the set's
layout, on which they run.
"""

import inspect
import pickle
from functools import partial

import numpy as np
import pytest

from dmljax import plugins
from dmljax.data.reading import read_all
from dmljax.types import ANGLE_NAMES, MISSING, Samples, UserError


@pytest.fixture
def samples(plugin, tmp_path):
    assert hasattr(plugin, "write_fixture"), (
        f"{plugin.__file__} lacks write_fixture(root), which writes a tiny tree in the set's layout"
    )
    plugin.write_fixture(str(tmp_path))
    found = plugin.samples(str(tmp_path), **plugins.defaults_of("datasets", plugin))
    assert isinstance(found, Samples), f"samples must return Samples, got {type(found).__name__}"
    return found


def test_labels_fit_their_names(samples):
    assert len(samples) and len(set(samples.references)) == len(samples)
    for labels, names in (
        (samples.expression, samples.expression_names),
        (samples.pose, samples.pose_names),
        (samples.identity, samples.identity_names),
    ):
        assert labels.dtype == np.int32 and labels.shape == (len(samples),)
        assert labels.min() >= MISSING and labels.max() < len(names) and len(set(names)) == len(names)


def test_angles_are_degrees(plugin, samples):
    angles = samples.angles
    if hasattr(plugin, "angles"):
        angles = plugin.angles(samples.references, **plugins.defaults_of("datasets", plugin))
    if angles is None:
        pytest.skip("the set knows none")
    assert angles.dtype == np.float32 and angles.shape == (len(samples), len(ANGLE_NAMES))
    assert np.nanmax(np.abs(angles)) <= 180


def test_mirror_is_an_involution_that_negates_the_yaw(samples):
    assert len(samples.pose_mirror) == len(samples.pose_yaw) == len(samples.pose_names)
    for pose, mirrored in enumerate(samples.pose_mirror):
        if mirrored != MISSING:
            assert samples.pose_mirror[mirrored] == pose
            yaw = samples.pose_yaw[pose]
            assert (np.isnan(yaw) and np.isnan(samples.pose_yaw[mirrored])) or samples.pose_yaw[
                mirrored
            ] == -yaw


def test_an_image_is_read_as_bytes_or_as_an_array(samples):
    if samples.prepare is not None:
        samples.prepare(samples.references[:2], progress=False)
    image = samples.read(samples.references[0])
    if not isinstance(image, bytes):
        assert isinstance(image, np.ndarray), (
            f"read must return bytes or an array, got {type(image).__name__}"
        )
        assert image.dtype == np.uint8, f"an image must be uint8, got {image.dtype}"
        assert image.ndim == 3 and image.shape[2] == 3, f"an image must be [H, W, 3], got {image.shape}"


def test_images_can_be_read_and_are_the_same_every_time(samples):
    few = samples.take(np.arange(min(8, len(samples))))
    _, first = read_all(few, 16, progress=False)
    _, again = read_all(few, 16, progress=False)
    assert first.shape[1:] == (16, 16, 3) and np.array_equal(first, again) and first.std() > 1


def test_it_can_be_opened_in_another_process(plugin):
    """What opens the set crosses to the workers that prepare it."""
    opener = partial(plugin.samples, "nowhere", **plugins.defaults_of("datasets", plugin))
    assert pickle.loads(pickle.dumps(opener)).func is plugin.samples


def test_a_missing_or_empty_folder_is_one_clear_error(plugin, tmp_path):
    (root, *_) = inspect.signature(plugin.samples).parameters.values()
    if root.default is not root.empty:
        pytest.skip("the set needs no folder")
    for place in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(ValueError) as told:
            plugin.samples(str(place), **plugins.defaults_of("datasets", plugin))
        assert isinstance(told.value, UserError), f"expected a UserError, got {told.value!r}"
        name = plugin.__file__.rpartition("/")[2].removesuffix(".py")
        assert name in str(told.value), f"the error does not name the set, {name}: {told.value}"
