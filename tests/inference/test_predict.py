"""Photographs, films and folders into tables: good and broken files, stops, boxes, mirror images."""

import csv
import dataclasses
import functools
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import dmljax
from dmljax.inference import predict as job
from dmljax.inference import write
from dmljax.inference.options import Options
from dmljax.inference.predict import predict
from dmljax.inference.sources import sources
from dmljax.runs import lock
from dmljax.types import UserError
from tests.test_cli import here, refused

pytestmark = pytest.mark.usefixtures("standard_promotion")
ONE = Options(jobs=1, batch=8, faces="whole")


@pytest.fixture(scope="module")
def model(run):
    return loaded(run, batch=8)


@functools.cache
def loaded(run, **how):
    """A network is compiled once for all tests."""
    return dmljax.load(run, **how)


@pytest.fixture(autouse=True)
def kept(monkeypatch):
    monkeypatch.setattr(job, "load", loaded)


@pytest.fixture
def photographs(tmp_path):
    """A folder of good pictures of several kinds and broken ones; (folder, names of the broken ones)."""
    folder, rng = tmp_path / "photographs", np.random.default_rng(3)
    (folder / "inside").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    picture = lambda height=40, width=30: Image.fromarray(
        rng.integers(0, 256, (height, width, 3)).astype(np.uint8)
    )
    for k in range(5):
        picture().save(folder / f"good_{k}.png")
    picture().convert("CMYK").save(folder / "cmyk.jpg")
    turned = picture()
    exif = turned.getexif()
    exif[274] = 6
    turned.save(folder / "inside" / "turned.jpg", exif=exif)
    picture().save(folder / ".hidden" / "one.png")
    (folder / "notes.md").write_text("no image")
    picture(1, 1).save(folder / "point.png")
    (folder / "zero.jpg").touch()
    (folder / "text.jpg").write_text("hello")
    picture(200, 200).save(folder / "cut.jpg")
    (folder / "cut.jpg").write_bytes((folder / "cut.jpg").read_bytes()[:2000])
    Image.new("1", (12_000, 9_000)).save(folder / "huge.png")
    return folder, {"point.png", "zero.jpg", "text.jpg", "cut.jpg", "huge.png"}


def rows(path):
    return list(csv.DictReader(path.read_text().splitlines()))


def test_a_folder_of_good_and_broken_files(run, model, photographs, tmp_path):
    folder, broken = photographs
    said = []
    done = predict(run, [folder], tmp_path / "out", ONE, progress=False, say=said.append)
    assert (done.faces, done.files, done.left_out) == (7, 12, 5)
    assert said[0] == "faces: whole pictures, one face each" and said[1].startswith(
        "probabilities: calibrated"
    )
    lost = rows(done.reasons)
    assert {row["file"].rpartition("/")[2] for row in lost} == broken
    kinds = {row["file"].rpartition("/")[2]: row["kind"] for row in lost}
    assert kinds["huge.png"] == "has too many pixels" and kinds["point.png"] == "too small for a face"
    assert kinds["zero.jpg"] == kinds["text.jpg"] == kinds["cut.jpg"] == "cannot be decoded"
    table = rows(done.table)
    names = [row["file"] for row in table]
    assert names[0] == f"{folder}/cmyk.jpg" and names[-1] == f"{folder}/inside/turned.jpg"
    assert (table[-1]["right"], table[-1]["bottom"]) == ("40", "30")  # of the upright picture
    found = model.predict(names)
    for k, row in enumerate(table):
        assert row["expression"] == found.expression[k] and row["pose"] == found.pose[k]
        each = [float(row[f"expression_{name}"]) for name in found.expression_names]
        np.testing.assert_allclose(each, found.expression_probability[k], rtol=1e-5)
        assert float(row["confidence"]) == max(each)
        assert float(row["yaw"]) == pytest.approx(found.yaw[k], rel=1e-4)
    # all is done: nothing is read again, and what comes new is added
    before = done.table.read_bytes()
    assert predict(run, [folder], tmp_path / "out", ONE, progress=False, say=said.append) == done
    assert done.table.read_bytes() == before
    Image.new("RGB", (30, 30), (200, 90, 90)).save(folder / "zz_new.png")
    more = predict(run, [folder], tmp_path / "out", ONE, progress=False, say=said.append)
    assert more.faces == 8 and done.table.read_bytes().startswith(before)


class Stopped(Exception):
    pass


def stop_after(monkeypatch, count):
    """The next prediction is ended in the middle of a file, after so many steps."""
    real, steps = write.Writer.write, []

    def some(self, step, faces, outputs):
        if len(steps) == count:
            self._output.put([{"file": "half a line"}])
            raise Stopped
        steps.append(step)
        return real(self, step, faces, outputs)

    monkeypatch.setattr(write.Writer, "write", some)


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_stopped_one_goes_on_and_comes_to_the_same(run, photographs, tmp_path, monkeypatch, form):
    options, quiet = dataclasses.replace(ONE, form=form), {"progress": False, "say": lambda line: None}
    whole = predict(run, photographs[:1], tmp_path / "whole", options, **quiet)
    for count in (0, 4, 3):
        with monkeypatch.context() as patched, pytest.raises(Stopped):
            stop_after(patched, count)
            predict(run, photographs[:1], tmp_path / "out", options, **quiet)
    with open(tmp_path / "out" / "progress.jsonl", "a") as file:
        file.write('{"file": "cut o')  # a kill in the middle of a line
    done = predict(run, photographs[:1], tmp_path / "out", options, **quiet)
    assert done[:3] == whole[:3]
    assert done.table.read_text() == whole.table.read_text()
    assert done.reasons.read_text() == whole.reasons.read_text()


def test_predictions_made_otherwise_are_not_mixed(run, photographs, tmp_path):
    folder, out = photographs[0] / "inside", tmp_path / "out"
    quiet = {"progress": False, "say": lambda line: None}
    done = predict(run, [folder], out, ONE, **quiet)
    with pytest.raises(UserError, match="out: .* flip: False there, True here; .*; give another folder"):
        predict(run, [folder], out, dataclasses.replace(ONE, flip=True), **quiet)
    with pytest.raises(UserError, match="out: .* form: 'csv' there, 'jsonl' here; give another folder"):
        predict(run, [folder], out, dataclasses.replace(ONE, form="jsonl"), **quiet)
    done.table.write_text("")
    with pytest.raises(UserError, match="is shorter than when its last file was done"):
        predict(run, [folder], out, ONE, **quiet)
    (out / "progress.jsonl").unlink()
    with pytest.raises(UserError, match="and no progress.jsonl"):
        predict(run, [folder], out, ONE, **quiet)


def test_boxes_of_a_table(run, model, tmp_path, rng):
    image = rng.integers(0, 256, (60, 80, 3)).astype(np.uint8)
    for name in ("a.png", "b.png"):
        Image.fromarray(image).save(tmp_path / name)
    (tmp_path / "boxes.csv").write_text("path,left,top,right,bottom\na.png,10,10,30,30\na.png,40,20,70,50\n")
    options = dataclasses.replace(ONE, faces=str(tmp_path / "boxes.csv"), margin=0.1, embedding=True)
    done = predict(run, [tmp_path], tmp_path / "out", options, progress=False, say=lambda line: None)
    table = rows(done.table)
    assert [(row["face"], row["left"], row["bottom"]) for row in table] == [
        ("0", "40", "50"),
        ("1", "10", "30"),
    ]
    found = model.embed([image] * 2, boxes=[(40, 20, 70, 50), (10, 10, 30, 30)], margin=0.1)
    each = [[float(row[f"embedding_{k}"]) for k in range(8)] for row in table]
    np.testing.assert_allclose(each, found, rtol=1e-4, atol=1e-6)
    assert [row["kind"] for row in rows(done.reasons)] == ["no face found"]  # b.png has no line
    # the table of predictions is one of boxes
    again = dataclasses.replace(options, faces=str(done.table))
    assert predict(run, [tmp_path / "a.png"], tmp_path / "two", again, progress=False).faces == 2


def test_lines_of_json_and_mirror_images(run, photographs, tmp_path):
    options = dataclasses.replace(ONE, form="jsonl", flip=True, embedding=True)
    names = [photographs[0] / "good_0.png", photographs[0] / "good_1.png"]
    done = predict(run, names, tmp_path / "out", options, progress=False, say=lambda line: None)
    lines = [json.loads(line) for line in done.table.read_text().splitlines()]
    found = loaded(run, checkpoint="last", flip=True, calibrated=True, batch=8).predict(names)
    for k, line in enumerate(lines):
        assert line["file"] == str(names[k]) and line["box"] == [0, 0, 30, 40] and line["face"] == 0
        assert line["pose"] == found.pose[k]
        np.testing.assert_allclose(
            list(line["pose_probability"].values()), found.pose_probability[k], rtol=1e-5
        )
        assert tuple(line["pose_probability"]) == found.pose_names
        np.testing.assert_allclose(line["embedding"], found.embedding[k], rtol=1e-4, atol=1e-6)


def test_a_name_that_is_a_formula_is_quoted(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (20, 20), (99, 99, 99)).save(tmp_path / "=1+1.png")
    (tmp_path / "@text.jpg").write_text("hello")
    done = predict(run, ["=1+1.png", "@text.jpg"], "out", ONE, progress=False, say=lambda line: None)
    assert rows(done.table)[0]["file"] == "'=1+1.png" and rows(done.reasons)[0]["file"] == "'@text.jpg"


def test_pictures_with_their_faces(run, photographs, tmp_path):
    folder = photographs[0]
    options = dataclasses.replace(ONE, annotated=True)
    names = [folder / "good_0.png", folder / "cut.jpg", folder / "inside" / "turned.jpg"]
    predict(run, names, tmp_path / "out", options, progress=False, say=lambda line: None)
    drawn = sorted((tmp_path / "out" / "annotated").iterdir())
    assert [path.name for path in drawn] == ["good_0.png.jpg", "turned.jpg"]
    with Image.open(drawn[1]) as picture:
        assert picture.size == (640, 480)  # small ones are enlarged, and stand upright
        edge = np.asarray(picture)[240, 1].astype(int)
    assert abs(edge - (255, 200, 40)).max() < 60  # the box


def test_processes_give_what_one_gives(run, photographs, tmp_path):
    quiet = {"progress": False, "say": lambda line: None}
    one = predict(run, photographs[:1], tmp_path / "one", ONE, **quiet)
    two = predict(run, photographs[:1], tmp_path / "two", dataclasses.replace(ONE, jobs=2), **quiet)
    assert two.table.read_text() == one.table.read_text() and two.left_out == 5
    assert two.reasons.read_text() == one.reasons.read_text()


@pytest.mark.parametrize(
    ("given", "options", "said"),
    [
        ([], {}, "photographs: give photographs, films or folders"),
        (["missing.jpg"], {}, "photographs: no file or folder at 'missing.jpg'"),
        ([""], {}, "photographs: a name is empty"),
        (["."], {}, "photographs: no image or film lies in '.'"),
        (["x.png"], {"faces": "harr"}, "Did you mean 'haar'"),
        (["x.png"], {"faces": "none.csv"}, "faces: no table of boxes at 'none.csv'"),
        (["x.png"], {"form": "xml"}, "form: must be one of csv, jsonl; got 'xml'"),
        (["x.png"], {"smooth": -1.0}, "smooth: must be a number of at least 0"),
        (["x.png"], {"rate": float("nan")}, "rate: must be a number of at least 0"),
        (["x.png"], {"margin": 3.0}, "margin: must be from 0 to 2"),
    ],
)
def test_mistakes(run, tmp_path, monkeypatch, given, options, said):
    monkeypatch.chdir(tmp_path)
    if given == ["x.png"]:
        Image.new("RGB", (20, 20)).save("x.png")
    with pytest.raises(UserError, match=said):
        predict(run, given, tmp_path / "out", dataclasses.replace(ONE, **options), progress=False)
    assert not (tmp_path / "out").exists()


def test_one_at_a_time_in_a_folder(run, photographs, tmp_path):
    with (
        lock.held(tmp_path / "out", print),
        pytest.raises(UserError, match=f"in use by process {os.getpid()}"),
    ):
        predict(run, photographs[:1], tmp_path / "out", progress=False, say=lambda line: None)


def test_what_it_wrote_itself_is_no_photograph(run, photographs, tmp_path):
    folder, options = photographs[0], dataclasses.replace(ONE, annotated=True)
    first, again = (
        predict(run, [folder], folder / "out", options, progress=False, say=lambda line: None)
        for _ in range(2)
    )
    assert first == again and list((folder / "out" / "annotated").iterdir())


def test_folders_and_links_that_cannot_be_read(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(b"")
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    os.mkfifo(tmp_path / "pipe.png")
    assert [Path(one.name).name for one in sources([tmp_path])] == ["a.png", "gone.png"]

    def walk(top, onerror):
        onerror(PermissionError(13, "Permission denied", f"{top}/locked"))
        return []

    monkeypatch.setattr(os, "walk", walk)
    with pytest.raises(
        UserError, match="photographs: '.*/locked' cannot be read: Permission denied; allow it"
    ):
        sources([tmp_path])


def test_at_the_command_line(run, photographs, tmp_path, monkeypatch):
    monkeypatch.chdir(photographs[0])
    common = ["predict", f"--run={run}", "--faces=whole", "--jobs=1", "--batch=8", "--noprogress"]
    code, output, error = here([*common, "good_0.png", "cut.jpg", "inside", f"--out={tmp_path / 'out'}"])
    assert code == 0, error
    assert output.splitlines()[2:] == [
        f"2 faces in 2 files: {tmp_path}/out/predictions.csv",
        f"1 file left out: {tmp_path}/out/left_out.csv",
    ]
    assert [row["file"] for row in rows(tmp_path / "out" / "predictions.csv")] == [
        "good_0.png",
        "inside/turned.jpg",
    ]
    code, output, _ = here([*common, "cut.jpg", f"--out={tmp_path / 'none'}"])
    assert code == 1 and "0 faces in 0 files" in output
    for arguments, said in (
        (["x.jpg"], "--photographs: no file or folder at 'x.jpg'"),
        ([], "--photographs: give photographs, films or folders"),
        (["good_0.png", "--margin=3"], "--margin: must be from 0 to 2"),
        (["good_0.png", "--format=xml"], "--format must be one of csv, jsonl"),
        (["good_0.png", "--faces=no.csv"], "--faces: "),
        (["good_0.png", f"--out={tmp_path / 'out'}", "--flip"], "--out: "),
    ):
        assert said in refused(*common, *arguments)
