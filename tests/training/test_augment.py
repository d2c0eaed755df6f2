import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dmljax.training.augment import Options, augment, check
from dmljax.types import ANGLES, POSE, UserError

MIRROR = (2, 1, 0, -1)


def call(images, pose, rows=None, seed=0, **options):
    rows = jnp.arange(len(images)) if rows is None else rows
    labels = {POSE: jnp.asarray(pose, jnp.int32)}
    pixels, labels = augment(
        jax.random.key(seed), jnp.asarray(images), labels, rows, MIRROR, Options(**options)
    )
    return pixels, labels[POSE]


@pytest.fixture
def images(rng):
    return rng.integers(0, 256, (40, 9, 8, 3)).astype(np.uint8)


def test_nothing_asked_nothing_changed(images):
    pixels, pose = call(images, np.zeros(40))
    assert np.array_equal(pixels, images) and not pose.any()


def test_a_tuple_is_flipped_as_a_whole_and_its_poses_are_mirrored(images, rng):
    before = rng.integers(0, 3, 40)
    before[3] = -1
    pixels, pose = call(images, before, flip=0.5)
    flipped = np.array([not np.allclose(a, b) for a, b in zip(pixels, images)])
    assert 0 < flipped.sum() < 40 and (flipped.reshape(-1, 5) == flipped.reshape(-1, 5)[:, :1]).all()
    np.testing.assert_allclose(np.asarray(pixels)[flipped], images[flipped][:, :, ::-1], atol=1e-3)
    mirrored = np.where(before < 0, -1, np.array(MIRROR)[before])
    assert np.array_equal(pose, np.where(flipped, mirrored, before))


def test_images_that_are_in_no_tuple_are_flipped_each_by_itself(images, rng):
    before = jnp.int32(rng.integers(-1, 4, 37))  # the last pose has no mirror image
    few, rows = images[:37], jnp.arange(37)
    options, labels = Options(flip=0.5), {POSE: before}
    pixels, labels = augment(jax.random.key(0), jnp.asarray(few), labels, rows, MIRROR, options, together=1)
    flipped = np.array([not np.allclose(a, b) for a, b in zip(pixels, few)])
    assert 5 < flipped.sum() < 32 and not flipped[before == 3].any()
    np.testing.assert_allclose(np.asarray(pixels)[flipped], few[flipped][:, :, ::-1], atol=1e-3)
    mirrored = np.where(before < 0, -1, np.array(MIRROR)[before])
    assert np.array_equal(labels[POSE], np.where(flipped, mirrored, before))


def test_a_set_without_poses_is_flipped(images):
    none, rows = {POSE: jnp.full(40, -1)}, jnp.arange(40)
    pixels, labels = augment(jax.random.key(0), jnp.asarray(images), none, rows, (), Options(flip=1.0))
    np.testing.assert_allclose(pixels, images[:, :, ::-1], atol=1e-3)
    assert (labels[POSE] == -1).all()


def test_yaw_and_roll_of_a_flipped_image_are_negated(images, rng):
    angles = rng.uniform(-90, 90, (40, 3)).astype(np.float32)
    angles[7, 1] = np.nan
    labels = {POSE: jnp.zeros(40, jnp.int32), ANGLES: jnp.asarray(angles), "other": jnp.arange(40)}
    call = lambda options: augment(
        jax.random.key(0), jnp.asarray(images), labels, jnp.arange(40), MIRROR, options
    )
    pixels, turned = call(Options(flip=0.5))
    flipped = np.array([not np.allclose(a, b) for a, b in zip(pixels, images)])
    assert 0 < flipped.sum() < 40
    assert np.array_equal(turned[ANGLES][flipped], angles[flipped] * [-1, 1, -1], equal_nan=True)
    assert np.array_equal(turned[ANGLES][~flipped], angles[~flipped], equal_nan=True)
    assert np.array_equal(turned["other"], np.arange(40))
    assert np.array_equal(call(Options(shift=0.5))[1][ANGLES], angles, equal_nan=True)


def test_a_tuple_with_a_pose_without_mirror_is_not_flipped(images):
    before = np.zeros(40, int)
    before[::5] = 3
    pixels, pose = call(images, before, flip=1.0)
    np.testing.assert_allclose(pixels, images, atol=1e-3)
    assert np.array_equal(pose, before)


def test_draws_depend_on_key_and_row_and_not_on_the_batch(images):
    options = {"flip": 0.5, "shift": 0.2, "scale": 0.2, "brightness": 0.2, "contrast": 0.3, "erase": 0.5}
    whole, _ = call(images, np.zeros(40), **options)
    part, _ = call(images[10:20], np.zeros(10), jnp.arange(10, 20), **options)
    np.testing.assert_allclose(part, whole[10:20], atol=1e-3)
    other, _ = call(images, np.zeros(40), seed=1, **options)
    assert not np.allclose(other, whole)


def test_a_shift_moves_the_image_and_repeats_its_border():
    image = np.zeros((5, 20, 20, 3), np.uint8)
    image[:, :, 10:] = 200  # an edge; its column tells the shift
    pixels = np.asarray(call(image, np.zeros(5), shift=0.25)[0])
    edges = pixels[:, 0, :, 0].sum(1) / 200
    assert np.all(np.abs(edges - 10) <= 5.01) and edges.std() > 0.1
    np.testing.assert_allclose(pixels[:, :, -1], 200, atol=1e-3)
    np.testing.assert_allclose(pixels[:, :, 0], 0, atol=1e-3)


def test_brightness_and_contrast_against_the_formula(images):
    pixels = np.asarray(call(images, np.zeros(40), brightness=0.1, contrast=0.5)[0])
    assert pixels.min() >= 0 and pixels.max() <= 255
    for before, after in zip(images.astype(float), pixels):
        inside = (after > 0) & (after < 255)
        slope, offset = np.polyfit(before[inside], after[inside], 1)
        assert 0.5 <= slope <= 1.5 and abs(offset - (1 - slope) * before.mean()) <= 25.6


def test_erasing_fills_a_rectangle_with_the_mean(images):
    pixels = np.asarray(call(images, np.zeros(40), erase=1.0, erase_area=0.5)[0])
    changed = ~np.isclose(pixels, images).all(-1)
    assert changed.reshape(40, -1).mean() < 0.5 and changed.any((1, 2)).sum() > 20
    for hole, before, after in zip(changed, images, pixels):
        if hole.any():
            np.testing.assert_allclose(after[hole], before.mean(), rtol=1e-5)


def test_options_out_of_range():
    with pytest.raises(UserError, match=r"augment.shift must be a number from 0 to 1 \(.*\), got 2.0"):
        check(Options(shift=2.0))
    with pytest.raises(UserError, match="augment.scale"):
        check(Options(scale=1.0))
