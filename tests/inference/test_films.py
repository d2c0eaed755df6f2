"""Films: pictures with their times, faces followed and smoothed, and going on within one."""

import csv
import dataclasses
import functools

import numpy as np
import pytest
from PIL import Image

import dmljax
from dmljax.inference import annotated, films, write
from dmljax.inference import predict as job
from dmljax.inference.options import Options
from dmljax.inference.predict import predict
from dmljax.inference.tracks import Tracks
from dmljax.types import Unreadable

av = pytest.importorskip("av")
pytestmark = pytest.mark.usefixtures("standard_promotion")
PER_SECOND = 10
# two white squares on grey are two faces
FOUND = """
import numpy as np
def found(image):
    faces = []
    for half in (0, 1):
        part = image[:, half * 64:half * 64 + 64, 1] > 200
        if part.sum() > 50:
            y, x = np.nonzero(part)
            faces.append((x.min() + 64.0 * half, float(y.min()), x.max() + 64.0 * half + 1, y.max() + 1.0))
    return sorted(faces, key=lambda box: -box[1])
def build_every(*, side=480):
    return found
def build(*, side=480):
    return lambda image: next(iter(found(image)), None)
"""


@functools.cache
def loaded(run, **how):
    return dmljax.load(run, **how)


@pytest.fixture(autouse=True)
def kept(monkeypatch):
    monkeypatch.setattr(job, "load", loaded)


@pytest.fixture
def squares(tmp_path):
    """A folder of plug-ins with a detector of white squares."""
    (tmp_path / "plugins" / "detectors").mkdir(parents=True)
    (tmp_path / "plugins" / "detectors" / "squares.py").write_text(FOUND)
    dmljax.plugins.add_folder(tmp_path / "plugins")


def write_film(path, count=20):
    """White squares that move, of which the right one is hidden in the pictures 8 to 10."""
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as film:
        stream = film.add_stream("mpeg4", rate=PER_SECOND)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 128, 64, "yuv420p", 4_000_000
        for k in range(count):
            picture = np.full((64, 128, 3), 100, np.uint8)
            picture[10 + k // 2 : 34 + k // 2, 8:32] = 255
            picture[14 + k // 2 : 20 + k // 2, 12:20] = rng.integers(0, 100, 3)
            if not 8 <= k <= 10:
                picture[30 - k // 2 : 54 - k // 2, 90:114] = 255
            film.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        film.mux(stream.encode())
    return path


def rows(path):
    return list(csv.DictReader(path.read_text().splitlines()))


def test_pictures_have_their_numbers_and_times(tmp_path):
    path = write_film(tmp_path / "film.mp4")
    every = list(films.frames(path))
    assert [frame.number for frame in every] == list(range(20))
    np.testing.assert_allclose([frame.time for frame in every], np.arange(20) / PER_SECOND, atol=1e-6)
    assert every[0].pixels.shape == (64, 128, 3) and abs(every[0].pixels[0, 0].astype(int) - 100).max() < 12
    assert [frame.number for frame in films.frames(path, rate=5)] == list(range(0, 20, 2))
    assert [frame.number for frame in films.frames(path, rate=4, after=7)] == [8, 10, 13, 15, 18]
    assert [frame.number for frame in films.frames(path, rate=99, after=17)] == [18, 19]


@pytest.mark.parametrize("content", [b"", b"hello", b"\0" * 4000])
def test_what_is_no_film(tmp_path, content):
    (tmp_path / "film.mp4").write_bytes(content)
    with pytest.raises(Unreadable, match="cannot be decoded"):
        list(films.frames(tmp_path / "film.mp4"))
    with pytest.raises(Unreadable, match="cannot be read"):
        list(films.frames(tmp_path / "none.mp4"))


def test_probabilities_are_smoothed_on_the_scale_of_their_logarithms(rng):
    """Against an explicit loop; times are not evenly spaced."""
    times = np.cumsum(rng.uniform(0.02, 0.3, 12))
    probability = rng.dirichlet(np.ones(3), 12).astype(np.float32)
    tracks, box = Tracks(smooth=0.4), np.array([[0.0, 0.0, 9.0, 9.0]])
    logs = None
    for k, (time, row) in enumerate(zip(times, probability)):
        numbers, smoothed = tracks.follow(time, box, {"pose": row[None]})
        new = np.log(row.astype(np.float64))
        share = 0.0 if logs is None else np.exp(-(time - times[k - 1]) / 0.4)
        logs = new if logs is None else share * logs + (1 - share) * new
        expected = np.exp(logs) / np.exp(logs).sum()
        np.testing.assert_allclose(smoothed["pose"][0], expected, rtol=1e-5)
        assert numbers == [0]
    np.testing.assert_array_equal(
        Tracks().follow(0.0, box, {"pose": probability[:1]})[1]["pose"], probability[:1]
    )


def test_faces_keep_their_numbers():
    tracks = Tracks()
    left, right = (0.0, 0.0, 10.0, 10.0), (50.0, 0.0, 60.0, 10.0)
    moved = (2.0, 1.0, 12.0, 11.0)
    follow = lambda time, *boxes: tracks.follow(time, np.reshape(boxes, (-1, 4)), {})[0]
    assert follow(0.0, left, right) == [0, 1]
    assert follow(0.1, right, moved) == [1, 0]
    assert follow(0.2) == []
    assert follow(0.3, right) == [1]
    assert follow(5.0, right) == [2]  # lost for too long
    assert follow(5.1, (0, 50, 9, 59), right) == [3, 2]


def options(**more):
    return Options(jobs=1, batch=8, faces="squares", margin=0.0, **more)


QUIET = {"progress": False, "say": lambda line: None}


def test_a_film_as_a_table(run, squares, tmp_path):
    film = write_film(tmp_path / "film.mp4")
    plain = predict(run, [film], tmp_path / "plain", options(), **QUIET)
    table = rows(plain.table)
    assert (plain.faces, plain.files, plain.left_out) == (37, 1, 0) and len(table) == 37
    assert {row["face"] for row in table if float(row["left"]) > 64} == {
        table[0]["face"]
    }  # after its absence
    assert [row["time"] for row in table[:3]] == ["0", "0", "0.1"]
    smooth = rows(predict(run, [film], tmp_path / "smooth", options(smooth=0.5), **QUIET).table)
    assert [row["left"] for row in smooth] == [row["left"] for row in table]
    change = lambda rows: np.abs(
        np.diff([float(row["pose_0"]) for row in rows if float(row["left"]) < 64])
    ).sum()
    assert change(smooth) < 0.5 * change(table)


def test_a_picture_without_a_face_has_a_line(run, squares, tmp_path):
    film = tmp_path / "film.mp4"
    with av.open(str(film), "w") as file:
        stream = file.add_stream("mpeg4", rate=PER_SECOND)
        stream.width, stream.height, stream.pix_fmt = 128, 64, "yuv420p"
        for _ in range(3):
            grey = np.full((64, 128, 3), 100, np.uint8)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        file.mux(stream.encode())
    done = predict(run, [film], tmp_path / "out", options(), **QUIET)
    assert done.faces == 0 and [row["frame"] for row in rows(done.table)] == ["0", "1", "2"]
    assert {(row["face"], row["expression"]) for row in rows(done.table)} == {("", "")}


def test_going_on_within_a_film(run, squares, tmp_path, monkeypatch):
    film = write_film(tmp_path / "film.mp4")
    monkeypatch.setattr(write, "TOGETHER", 6)
    whole = predict(run, [film], tmp_path / "whole", options(smooth=0.5), **QUIET)
    real, count = write.Writer.write, []

    def some(self, *step):
        count.append(step)
        if len(count) == 15:
            raise KeyboardInterrupt
        return real(self, *step)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(write.Writer, "write", some)
        predict(run, [film], tmp_path / "out", options(smooth=0.5), **QUIET)
    after = []
    frames = films.frames
    monkeypatch.setattr(films, "frames", lambda *a, **k: after.append(k["after"]) or frames(*a, **k))
    done = predict(run, [film], tmp_path / "out", options(smooth=0.5), **QUIET)
    assert after == [11]  # of 14 pictures that were written 12 were noted
    assert done[:3] == whole[:3] and done.table.read_text() == whole.table.read_text()


def test_a_film_that_breaks_off_is_listed_and_kept_up_to_there(run, squares, tmp_path):
    film = tmp_path / "film.avi"
    write_film(film, 60)
    content = film.read_bytes()
    film.write_bytes(content[: len(content) // 2])
    good = write_film(tmp_path / "good.mp4", 4)
    (tmp_path / "no.mp4").write_bytes(b"hello")
    done = predict(run, [film, tmp_path / "no.mp4", good], tmp_path / "out", options(), **QUIET)
    files = {row["file"] for row in rows(done.table)}
    assert files == {str(film), str(good)} and str(tmp_path / "no.mp4") in done.reasons.read_text()


def test_a_film_with_its_faces(run, squares, tmp_path):
    film = write_film(tmp_path / "film.mp4")
    folder = tmp_path / "out"
    predict(run, [film], folder, options(annotated=True, rate=5.0), **QUIET)
    drawn = list(films.frames(folder / "annotated" / "film.mp4"))
    np.testing.assert_allclose([frame.time for frame in drawn], np.arange(10) / 5, atol=0.03)
    assert drawn[0].pixels.shape == (320, 640, 3)
    assert not Image.fromarray(drawn[0].pixels).convert("L").getextrema() == (100, 100)


def test_processes_find_the_same_faces(run, squares, tmp_path):
    film = write_film(tmp_path / "film.mp4", 8)
    one = predict(run, [film], tmp_path / "one", options(), **QUIET)
    two = predict(run, [film], tmp_path / "two", dataclasses.replace(options(), jobs=2), **QUIET)
    assert two.table.read_text() == one.table.read_text()


def test_a_film_that_a_telephone_took_upright_is_turned(tmp_path):
    """A quarter turn clockwise in the track's header; the square at the left comes to the top."""
    film = write_film(tmp_path / "film.mp4", 1)
    plain = next(films.frames(film)).pixels
    one, none = (1 << 16).to_bytes(4, "big"), bytes(4)
    content = film.read_bytes()
    at = content.index(b"tkhd")
    lying = one + none * 3 + one + none * 3 + (1 << 30).to_bytes(4, "big")
    minus = (2**32 - (1 << 16)).to_bytes(4, "big")
    upright = none + one + none + minus + none * 4 + (1 << 30).to_bytes(4, "big")
    place = content.index(lying, at)
    film.write_bytes(content[:place] + upright + content[place + len(lying) :])
    np.testing.assert_array_equal(next(films.frames(film)).pixels, np.rot90(plain, -1))


@pytest.mark.parametrize("rate", [24, 30, 60])
def test_an_annotated_film_lasts_as_long(rate, tmp_path):
    film = annotated._Film(tmp_path / "drawn.mp4")
    for k in range(rate):
        film.add(k / rate, Image.new("RGB", (64, 48), (k, 0, 0)))
    film.close()
    times = [frame.time for frame in films.frames(tmp_path / "drawn.mp4")]
    np.testing.assert_allclose(times, np.arange(rate) / rate, atol=1e-3)
