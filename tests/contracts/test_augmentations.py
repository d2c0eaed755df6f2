"""Every augmentation of the package keeps the contract; RandAugment's changes are Pillow's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

import dmljax
from dmljax import plugins
from dmljax.augmentations import _geometry, _photometry, rand_augment
from dmljax.contracts.augmentations import *  # noqa: F403
from dmljax.runs import assemble, recipe
from dmljax.training import augment
from dmljax.types import POSE, UserError


@pytest.fixture(params=plugins.names("augmentations"))
def plugin(request):
    return plugins.load("augmentations", request.param)


@pytest.fixture
def image(rng):
    """A picture without its darkest and brightest levels, and with some more frequent than others."""
    return (20 + 200 * rng.random((40, 30, 3)) ** 2).astype(np.uint8)


FACTOR = 1 - 0.9 * 0.5
# of strength 0.5, downwards where there are two directions
PILLOW = {
    "identity": lambda x: x,
    "autocontrast": ImageOps.autocontrast,
    "equalize": ImageOps.equalize,
    "solarize": lambda x: ImageOps.solarize(x, 128),
    "posterize": lambda x: ImageOps.posterize(x, 6),
    "color": lambda x: ImageEnhance.Color(x).enhance(FACTOR),
    "contrast": lambda x: ImageEnhance.Contrast(x).enhance(FACTOR),
    "brightness": lambda x: ImageEnhance.Brightness(x).enhance(FACTOR),
    "sharpness": lambda x: ImageEnhance.Sharpness(x).enhance(FACTOR),
}


@pytest.mark.parametrize("name", rand_augment.PHOTOMETRIC)
def test_grey_levels_change_as_in_pillow(name, image):
    number = jnp.int32(len(rand_augment.GEOMETRIC) + rand_augment.PHOTOMETRIC.index(name))
    found = jax.jit(rand_augment.apply, static_argnums=3)(number, jnp.float32(image), jnp.float32(-0.5), 0.5)
    expected = np.asarray(PILLOW[name](Image.fromarray(image)), np.float32)
    np.testing.assert_allclose(
        found, expected, atol=1.3
    )  # Pillow cuts off what is behind the point, of what it blends too
    assert name == "identity" or np.abs(expected - image).max() > 2


def test_maps_against_what_they_mean(image):
    pixels = jnp.float32(image[:31, :30])
    apply = jax.jit(rand_augment.apply, static_argnums=3)
    quarter = jax.jit(_geometry.affine)(pixels[:30], _geometry.rotation(jnp.float32(90.0)), jnp.zeros(2))
    np.testing.assert_allclose(quarter, np.rot90(image[:30, :30]), atol=0.05)
    number = {name: jnp.int32(k) for k, name in enumerate(rand_augment.GEOMETRIC)}
    moved = apply(number["translate_x"], pixels, jnp.float32(10 / (0.33 * 30)), 1.0)
    np.testing.assert_allclose(moved[:, :20], image[:31, 10:30], atol=0.05)
    moved = apply(number["translate_y"], pixels, jnp.float32(10 / (0.33 * 31)), 1.0)
    np.testing.assert_allclose(moved[:21], image[10:31, :30], atol=0.05)
    sheared = apply(number["shear_x"], pixels, jnp.float32(1 / 3), 1.0)  # a tenth of a pixel a row
    np.testing.assert_allclose(sheared[15], image[15, :30], atol=0.05)
    np.testing.assert_allclose(sheared[25, :29], image[25, 1:30], atol=0.05)
    sheared = apply(number["shear_y"], jnp.swapaxes(pixels, 0, 1), jnp.float32(1 / 3), 1.0)
    np.testing.assert_allclose(np.swapaxes(sheared, 0, 1)[25, :29], image[25, 1:30], atol=0.05)


def test_every_change_is_drawn(image):
    step = jax.jit(
        jax.vmap(lambda key: rand_augment.build(number=1, magnitude=15.0)(key, jnp.float32(image)))
    )
    found = np.asarray(step(jax.random.split(jax.random.key(0), 300)))
    kinds = {one.tobytes() for one in found}
    assert len(kinds) == 5 + 5 + 2 * 4 + 5  # without a direction, factors in two, maps in two


def test_grey_is_grey(image):
    grey = np.asarray(_photometry.grey(jnp.float32(image)))
    assert (grey == grey[..., :1]).all()
    np.testing.assert_allclose(grey[..., 0], np.asarray(Image.fromarray(image).convert("L")), atol=0.6)


def test_the_chain_is_that_of_the_field(image, rng):
    fields = {"augment.chain": ("rotate", "rand_augment"), "augment.rand_augment.number": 1}
    options = recipe.augmentation(dmljax.get_config("quick", fields | {"augment.flip": 0.0}))
    assert len(options.chain) == 2
    images = rng.integers(0, 256, (10, 12, 12, 3)).astype(np.uint8)
    call = lambda rows: augment.augment(
        jax.random.key(0), jnp.asarray(images)[rows], {POSE: -jnp.ones(len(rows), int)}, rows, (), options
    )[0]
    whole = jax.jit(call)(jnp.arange(10))
    np.testing.assert_allclose(jax.jit(call)(jnp.arange(5, 10)), whole[5:], atol=1e-2)
    assert np.abs(np.asarray(whole) - images).max() > 10 and whole.min() >= 0 and whole.max() <= 255


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"augment.chain": ("rand",)}, "augment.chain must be any of grey, rand_augment.*, each once, got"),
        ({"augment.rand_augment.number": 0}, "augment.rand_augment.number must be at least 1; got 0"),
        ({"augment.rand_augment.magnitude": 31.0}, "augment.rand_augment.magnitude must be from 0 to 30"),
    ],
)
def test_what_is_no_chain_is_told(fields, told):
    with pytest.raises(UserError, match=told):
        assemble.check(dmljax.get_config("quick", {"augment.chain": ("rand_augment",)} | fields))


def test_one_s_own_step_lies_in_a_folder(tmp_path, image):
    (tmp_path / "augmentations").mkdir()
    own = "def build(*, level: float = 7.0):\n    return lambda key, image: 0 * image + level\n"
    (tmp_path / "augmentations" / "flat.py").write_text(own)
    plugins.add_folder(tmp_path)
    config = dmljax.get_config("quick", {"augment.chain": ("flat",), "augment.flat.level": 9.0})
    (step,) = recipe.augmentation(config).chain
    assert (step(jax.random.key(0), jnp.float32(image)) == 9).all()
