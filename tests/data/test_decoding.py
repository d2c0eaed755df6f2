"""Every mode and depth has its right grey levels, every orientation its right way up, and damage is told."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from dmljax.data import decoding
from dmljax.data.decoding import decode
from dmljax.types import Unreadable

HEIGHT, WIDTH = 8, 12
LEVELS = (64, 192)  # of 255: the left and the right half


def halves(most, dtype=np.uint8, channels=0):
    """[H, W] or [H, W, channels]: a quarter and three quarters of the range, as 8 bits would have them."""
    low, high = (round(level / 255 * most) if most > 1 else level / 255 for level in LEVELS)
    pixels = np.full((HEIGHT, WIDTH), low, dtype)
    pixels[:, WIDTH // 2 :] = high
    return np.repeat(pixels[..., None], channels, -1) if channels else pixels


def saved(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def picture(pixels, mode=None):
    image = Image.fromarray(pixels)
    return image.convert(mode) if mode else image


def png(bits, colour, rows, extra=b""):
    """A PNG from its raw rows, for depths that Pillow does not write."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, bits, colour, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def netpbm(magic, most, text=False):
    kind = np.dtype(">u2" if most > 255 else "u1")
    pixels = halves(most, kind, 3 if magic in (b"P3", b"P6") else 0)
    body = " ".join(map(str, pixels.ravel())).encode() if text else pixels.tobytes()
    return b"%s\n%d %d\n%d\n" % (magic, WIDTH, HEIGHT, most) + body


def grey_png(bits):
    """Depths below 8, of which a byte holds several."""
    levels = halves(2**bits - 1, int)
    packed = [
        int("".join(f"{level:0{bits}b}" for level in row).ljust(-(-WIDTH * bits // 8) * 8, "0"), 2).to_bytes(
            -(-WIDTH * bits // 8), "big"
        )
        for row in levels
    ]
    return png(bits, 0, packed)


def layers(mode):
    """Half transparent: what is hidden is black, what is seen has the level of the left half."""
    pixels = np.zeros((HEIGHT, WIDTH, 2 if mode == "LA" else 4), np.uint8)
    pixels[:, : WIDTH // 2] = LEVELS[0]
    pixels[:, : WIDTH // 2, -1] = 255
    return Image.fromarray(pixels, mode) if mode == "LA" else Image.fromarray(pixels)


GREY = (1.5, *LEVELS)  # how far a level may be off, and the two halves
CASES = {
    "PNG 8 bits": (saved(picture(halves(255)), "PNG"), *GREY),
    "PNG 16 bits": (saved(picture(halves(65535, np.uint16)), "PNG"), *GREY),
    "PNG 4 bits": (grey_png(4), 9, *LEVELS),
    "PNG 2 bits": (grey_png(2), 22, *LEVELS),
    "PNG 1 bit": (saved(picture(halves(255)).convert("1", dither=0), "PNG"), 0, 0, 255),
    "PNG palette": (saved(picture(halves(255, channels=3)).quantize(4), "PNG"), *GREY),
    "PNG RGB 16 bits": (png(16, 2, [r.tobytes() for r in halves(65535, ">u2", 3)]), *GREY),
    "PNG grey and alpha 16 bits": (
        png(16, 4, [r.tobytes() for r in halves(65535, ">u2", 2) | np.array([0, 65535], ">u2")]),
        *GREY,
    ),
    "PNG RGBA": (saved(layers("RGBA"), "PNG"), 0, LEVELS[0], 255),
    "PNG grey and alpha": (saved(layers("LA"), "PNG"), 0, LEVELS[0], 255),
    "PNG RGB with a transparent colour": (
        saved(picture(halves(255, channels=3)), "PNG", transparency=(LEVELS[1],) * 3),
        0,
        LEVELS[0],
        255,
    ),
    "PNG palette with a transparent colour": (
        saved(picture((halves(255) > 100).astype(np.uint8)).convert("P"), "PNG", transparency=1),
        0,
        0,
        255,
    ),
    "GIF": (saved(picture(halves(255)), "GIF"), *GREY),
    "GIF with a transparent colour": (saved(layers("RGBA"), "GIF"), 1, LEVELS[0], 255),
    "BMP": (saved(picture(halves(255, channels=3)), "BMP"), *GREY),
    "PGM 8 bits": (netpbm(b"P5", 255), *GREY),
    "PGM up to 119": (netpbm(b"P5", 119), *GREY),
    "PGM 12 bits": (netpbm(b"P5", 4095), *GREY),
    "PGM 16 bits": (netpbm(b"P5", 65535), *GREY),
    "PGM 12 bits as text": (netpbm(b"P2", 4095, text=True), *GREY),
    "PPM 12 bits": (netpbm(b"P6", 4095), *GREY),
    "TIFF 16 bits": (saved(picture(halves(65535, np.uint16)), "TIFF"), *GREY),
    "TIFF 16 bits, the high byte first": (saved(Image.fromarray(halves(65535, ">u2")), "TIFF"), *GREY),
    "TIFF 32 bits up to 255": (saved(picture(halves(255, np.int32)), "TIFF"), *GREY),
    "TIFF 32 bits up to 65535": (saved(picture(halves(65535, np.int32)), "TIFF"), *GREY),
    "TIFF 32 bits in full": (
        saved(picture(halves(2**32 - 1, np.uint32).view(np.int32)), "TIFF"),
        *GREY,
    ),
    "TIFF numbers up to 1": (saved(picture(halves(1, np.float32)), "TIFF"), *GREY),
    "TIFF numbers up to 255": (saved(picture(halves(255, np.float32)), "TIFF"), *GREY),
    "TIFF numbers up to 65535": (saved(picture(halves(65535, np.float32)), "TIFF"), *GREY),
    "TIFF CMYK": (saved(picture(halves(255, channels=3), "CMYK"), "TIFF"), *GREY),
    "TIFF RGBA": (saved(layers("RGBA"), "TIFF"), 0, LEVELS[0], 255),
    "JPEG grey": (saved(picture(halves(255)), "JPEG", quality=95), 8, *LEVELS),
    "JPEG RGB": (saved(picture(halves(255, channels=3)), "JPEG", quality=95), 8, *LEVELS),
    "JPEG CMYK": (saved(picture(halves(255, channels=3), "CMYK"), "JPEG", quality=95), 8, *LEVELS),
    "WebP RGBA": (saved(layers("RGBA"), "WEBP", lossless=True), 1, LEVELS[0], 255),
    "an array": (halves(255, channels=3), *GREY),
    "a grey array": (halves(255), *GREY),
    "an array of 16 bits": (halves(65535, np.uint16), *GREY),
    "an array with alpha": (np.asarray(layers("RGBA")), 0, LEVELS[0], 255),
}


@pytest.mark.parametrize("case", CASES)
def test_levels_are_right(case):
    content, off, left, right = CASES[case]
    image, _ = decode(content)
    assert image.mode == "RGB" and image.size == (WIDTH, HEIGHT)
    pixels = np.asarray(image).astype(float)
    # away from the edge, which JPEG blurs
    assert abs(pixels[:, :4].mean((0, 1)) - left).max() <= off
    assert abs(pixels[:, 8:].mean((0, 1)) - right).max() <= off


@pytest.mark.parametrize("broken", [np.nan, np.inf, 1e9])
def test_numbers_of_no_known_range_are_told(broken):
    levels = halves(255, np.float32)
    levels[0, 0] = broken
    with pytest.raises(Unreadable, match="no finite numbers|no range that is known"):
        decode(saved(picture(levels), "TIFF"))


UPRIGHT = np.arange(HEIGHT * WIDTH, dtype=np.uint8).reshape(HEIGHT, WIDTH)
# how each orientation lies in the file
STORED = {
    1: UPRIGHT,
    2: UPRIGHT[:, ::-1],
    3: UPRIGHT[::-1, ::-1],
    4: UPRIGHT[::-1],
    5: UPRIGHT.T,
    6: UPRIGHT.T[::-1],
    7: UPRIGHT.T[::-1, ::-1],
    8: UPRIGHT.T[:, ::-1],
}


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", STORED)
def test_an_image_is_turned_as_its_tag_says(kind, orientation):
    tag = Image.Exif()
    tag[274] = orientation
    options = {"lossless": True} if kind == "WEBP" else {}
    content = saved(Image.fromarray(np.ascontiguousarray(STORED[orientation])), kind, exif=tag, **options)
    image, box = decode(content, (1, 2, 11, 7))  # fits the image when it is turned
    np.testing.assert_array_equal(np.asarray(image)[..., 0], UPRIGHT)
    assert image.size == (WIDTH, HEIGHT) and box == (1, 2, 11, 7)
    with pytest.raises(Unreadable, match="is 12 x 8 pixels, too small for the box"):
        decode(content, (0, 0, 8, 12))


@pytest.mark.parametrize("orientation", STORED)
def test_a_large_jpeg_is_turned_and_shrunk_and_keeps_its_box(orientation):
    """A white square at the same place of the turned image; the box is cut from it."""
    upright = np.full((480, 640), 40, np.uint8)
    upright[80:240, 320:480] = 220
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: upright.T[::-1],
        7: upright.T[::-1, ::-1],
        8: upright.T[:, ::-1],
    }[orientation]
    tag = Image.Exif()
    tag[274] = orientation
    content = saved(Image.fromarray(np.ascontiguousarray(stored)), "JPEG", exif=tag, quality=95)
    image, box = decode(content, (320, 80, 480, 240), 40)
    assert image.size == (160, 120) and box == (80, 20, 120, 60)
    pixels = np.asarray(image.crop([int(edge) for edge in box]))
    assert abs(pixels[2:-2, 2:-2].mean() - 220) < 3


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_a_tag_that_cannot_be_read_turns_nothing():
    whole = saved(Image.fromarray(UPRIGHT), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
    assert decode(whole)[0].size == (WIDTH, HEIGHT)


def test_a_huge_image_is_refused_by_its_header(monkeypatch):
    """Nothing of it is decoded."""
    content = png(8, 0, [bytes(WIDTH)] * HEIGHT)
    huge = content[:16] + struct.pack(">II", 9_400, 9_400) + content[24:29]
    huge += struct.pack(">I", zlib.crc32(huge[12:29])) + content[33:]
    with pytest.raises(Unreadable, match="9400 x 9400 pixels, more than 80 million") as told:
        decode(huge)
    assert told.value.kind == "has too many pixels"
    monkeypatch.setattr(decoding, "MOST_PIXELS", WIDTH * HEIGHT - 1)
    with pytest.raises(Unreadable, match="12 x 8"):
        decode(content)


@pytest.mark.parametrize(
    "case", [name for name, (content, *_) in CASES.items() if isinstance(content, bytes)]
)
def test_a_damaged_file_is_unreadable_or_an_image(case):
    """Cut off, a bit flipped, a stretch overwritten: no error but the one that lists the file."""
    content, rng = CASES[case][0], np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(content[: rng.integers(len(content))] if rng.random() < 0.3 else content)
        if len(damaged) and rng.random() < 0.8:
            damaged[rng.integers(len(damaged))] ^= 1 << int(rng.integers(8))
        if len(damaged) > 8 and rng.random() < 0.3:
            start = rng.integers(len(damaged) - 4)
            damaged[start : start + 4] = rng.bytes(4)
        try:
            image, _ = decode(bytes(damaged))
        except Unreadable:
            continue
        assert image.mode == "RGB"
