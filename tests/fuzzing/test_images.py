"""Damaged images of every format: an image all the same, or `Unreadable`."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dmljax.data import images, reading
from dmljax.datasets import folder
from dmljax.types import Unreadable, UserError
from tests.fuzzing.damage import bounded, damaged, in_one_line, within

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # decoders warn of what they repair

SIZE = 24


def _saved(image: Image.Image, form: str, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def _files() -> dict[str, bytes]:
    """A file of each format and of each way to store pixels that has a decoder of its own."""
    rng = np.random.default_rng(0)
    colour = Image.fromarray(rng.integers(0, 256, (40, 30, 3)).astype(np.uint8))
    alpha = Image.fromarray(rng.integers(0, 256, (40, 30, 4)).astype(np.uint8))
    deep = Image.fromarray(rng.integers(0, 2**16, (40, 30)).astype(np.uint16))
    real = Image.fromarray(rng.random((40, 30)).astype(np.float32))
    turned = Image.Exif()
    turned[274] = 6
    return {
        "png": _saved(colour, "PNG"),
        "png, 16 bits": _saved(deep, "PNG"),
        "png, transparent": _saved(alpha, "PNG"),
        "png, palette": _saved(colour.convert("P"), "PNG", transparency=3),
        "jpeg": _saved(colour, "JPEG", exif=turned),
        "jpeg, large": _saved(colour.resize((300, 400)), "JPEG", progressive=True),
        "jpeg, cmyk": _saved(colour.convert("CMYK"), "JPEG"),
        "bmp": _saved(colour, "BMP"),
        "bmp, palette": _saved(colour.convert("P"), "BMP"),
        "gif": _saved(colour.convert("P"), "GIF", transparency=3),
        "gif, moving": _saved(colour, "GIF", save_all=True, append_images=[colour.rotate(90)]),
        "tiff": _saved(colour, "TIFF", exif=turned),
        "tiff, packed": _saved(colour, "TIFF", compression="tiff_lzw"),
        "tiff, numbers": _saved(real, "TIFF"),
        "webp": _saved(colour, "WEBP", exif=turned),
        "webp, lossless": _saved(alpha, "WEBP", lossless=True),
        "pgm": _saved(colour.convert("L"), "PPM"),
        "pgm, 16 bits": _saved(deep, "PPM"),
        "ppm": _saved(colour, "PPM"),
        "ppm, text": b"P3\n# made by hand\n2 2\n255\n" + b" 10 20 30" * 4 + b"\n",
    }


FILES = _files()


def test_the_files_are_whole():
    for name, content in FILES.items():
        assert images.fit(content, None, SIZE).shape == (SIZE, SIZE, 3), name


@bounded(1500)
@given(
    st.sampled_from(sorted(FILES)).flatmap(lambda name: damaged(FILES[name], tuple(FILES.values()))),
    st.sampled_from([None, (3, 4, 20, 30), (0, 0, 300, 400)]),
)
def test_a_damaged_image_is_an_image_or_unreadable(content, box):
    with within(20):
        try:
            pixels = images.fit(content, box, SIZE)
        except Unreadable as error:
            assert in_one_line(error) and error.kind
        else:
            assert pixels.dtype == np.uint8 and pixels.shape == (SIZE, SIZE, 3)


@bounded(40)
@given(st.data())
def test_a_set_leaves_out_what_is_damaged(tmp_path_factory, data):
    """Through the manifest, with names that say another format than the file has."""
    base = tmp_path_factory.mktemp("set")
    names = [f"{k}.{ending}" for k, ending in enumerate(("png", "jpg", "bmp", "gif", "tif", "webp", "pgm"))]
    for name in names:
        kind = data.draw(st.sampled_from(sorted(FILES)))
        (base / name).write_bytes(data.draw(damaged(FILES[kind], tuple(FILES.values()))))
    lines = [f"{name},{'joy' if k % 2 else 'anger'}" for k, name in enumerate(names)]
    (base / "manifest.csv").write_text("\n".join(["path,expression", *lines]))
    with within(60):
        try:
            samples, pixels = reading.read_all(folder.samples(str(base)), SIZE, progress=False)
        except UserError as error:
            assert "none of the 7 images can be read" in in_one_line(error)
        else:
            assert len(samples) + len(samples.skipped) == len(names) and len(pixels) == len(samples)
            assert all(skipped.kind and skipped.reason for skipped in samples.skipped)
