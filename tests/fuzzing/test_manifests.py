"""Manifests of any content: samples, or a UserError in one line."""

import csv
import io
import string

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dmljax.datasets import folder
from dmljax.types import Samples, UserError
from tests.fuzzing.damage import bounded, damaged, in_one_line, within

pytestmark = pytest.mark.slow

HEADER = ("path", "expression", "pose", "identity", "split", "yaw", "roll")
FILES = ("a.png", "b.png", "c d.png", "é.png", "sub/e.png")
WORDS = (*FILES, *HEADER, "joy", "Joy", "anger", "-45", "45.0", "-0", "nan", "N/A", "train", "test", "")
ODD = (
    "1e999", "1_0", "٣", "\N{MINUS SIGN}45", "\0", "\x85", "a\nb", "a\u2028b", '"', "'", ";", "\t", "..",
    "../a.png", "/a.png", "sub/../a.png", "sub\\e.png", "sub//e.png", "sub/", "e\u0301.png", "=1+1", "\ufeff",
    "x" * 300, "/".join("y" * 3000), "sub/" * 40000, "z" * 140000, "\U0001f600", "a.png/b", "A.PNG",
)  # fmt: skip
CELLS = st.sampled_from(WORDS) | st.sampled_from(ODD) | st.text(max_size=8) | st.floats().map(str)
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "latin-1", "utf-32-be", "cp1252")


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A folder with images, which are not opened here."""
    base = tmp_path_factory.mktemp("set")
    (base / "sub").mkdir()
    for name in FILES:
        (base / name).write_bytes(b"an image")
    return base


def check(base, content: bytes, **options):
    """What a manifest of this content gives is samples that agree with themselves, or a UserError."""
    (base / "manifest.csv").write_bytes(content)
    with within(20):
        try:
            samples = folder.samples(str(base), **options)
        except UserError as error:
            in_one_line(error)
            return
    assert isinstance(samples, Samples) and len(samples) == len(set(samples.references)) > 0
    for labels, names in (
        (samples.expression, samples.expression_names),
        (samples.pose, samples.pose_names),
        (samples.identity, samples.identity_names),
    ):
        assert labels.shape == (len(samples),) and labels.dtype == np.int32
        assert -1 <= labels.min() and labels.max() < len(names) == len(set(names))
    if samples.angles is not None:
        assert samples.angles.shape == (len(samples), 3) and samples.angles.dtype == np.float32
        assert np.nanmax(np.abs(samples.angles)) <= 180 and samples.angles_names
    assert len(samples.pose_yaw) == len(samples.pose_mirror) == len(samples.pose_names)
    assert all(samples.read(name) == b"an image" for name in samples.references if "manifest" not in name)


def written(rows: list[list[str]], delimiter: str, quoting: int, end: str) -> str:
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter, quoting=quoting, lineterminator=end).writerows(rows)
    return file.getvalue()


@st.composite
def manifests(draw) -> bytes:
    """A table with a header that is mostly right, as some program would write it."""
    header = draw(st.just(list(HEADER)) | st.permutations(HEADER) | st.lists(CELLS, max_size=7))
    lines = draw(st.lists(st.lists(CELLS, max_size=len(header) + 1), max_size=8))
    names = draw(st.lists(st.sampled_from(FILES), max_size=4, unique=True))
    rows = [[name, "joy", "45", "p1", "train"][: len(header)] for name in names]
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]))
    text = written(
        [header, *rows, *lines],
        draw(st.sampled_from(",;\t")),
        quoting,
        draw(st.sampled_from(["\n", "\r\n", "\r"])),
    )
    return text.encode(draw(st.sampled_from(ENCODINGS[:2])))


@bounded(500)
@given(
    manifests(),
    st.sampled_from(["", "joy,anger", "joy,joy", ",", "é"]),
    st.sampled_from(["follow", "inside"]),
)
def test_a_table_of_any_cells(base, content, expressions, links):
    check(base, content, expressions=expressions, links=links)


@bounded(200)
@given(st.sampled_from(ODD), st.sampled_from(range(5)))
@example("a/" * 60000, 0)
def test_one_odd_cell(base, cell, column):
    rows = [[name, "joy", "45", "p1", "train"] for name in FILES]
    rows[2][column] = cell
    check(base, written([list(HEADER), *rows], ",", csv.QUOTE_MINIMAL, "\n").encode())


@bounded(200)
@given(
    st.text(string.printable + "é\0\ufeff", max_size=200) | st.text(max_size=200), st.sampled_from(ENCODINGS)
)
def test_a_text_in_any_encoding(base, text, encoding):
    check(base, text.encode(encoding, errors="replace"))
    check(base, b"path,expression\na.png,joy\n" + text.encode(encoding, errors="replace"))


WHOLE = "path,expression,pose,identity,split\n" + "".join(f"{name},joy,-45,p1,train\n" for name in FILES)


@bounded(500)
@given(damaged(WHOLE.encode(), (b"\xff\xfep\0a\0t\0h\0", b"PK\x03\x04\x14\0\0\0", b"\x89PNG\r\n\x1a\n")))
def test_a_damaged_manifest(base, content):
    check(base, content)


@bounded(150)
@given(
    st.text(max_size=30),
    st.text(max_size=30),
    st.text(max_size=30) | st.sampled_from(["45:45", ":", "45:-45,"]),
)
def test_any_options(base, expressions, poses, mirrors):
    (base / "manifest.csv").write_text(WHOLE, encoding="utf-8")
    check(base, WHOLE.encode(), expressions=expressions, poses=poses, mirrors=mirrors)


@bounded(100)
@given(st.text(max_size=300) | st.sampled_from(["\0", "x" * 300, "sub", ".", "", "/dev/null", "\ud800"]))
def test_any_name_of_a_manifest(base, name):
    try:
        folder.samples(str(base), manifest=name)
    except UserError as error:
        in_one_line(error)


@bounded(50)
@given(st.sampled_from(["\0", "/x" * 3000, "", "é\ud800"]) | st.text(max_size=20))
def test_any_root(root):
    with pytest.raises(UserError) as raised:
        folder.samples(root, manifest="no such manifest.csv")
    in_one_line(raised.value)
