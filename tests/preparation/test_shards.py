"""Prepared sets: what is read back, what a kill leaves, what TFDS sees, what is refused."""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from dmljax import get_config, plugins
from dmljax.data.reading import read_all
from dmljax.datasets import folder, kdef, sfew
from dmljax.preparation import prepare, prepared, shard_files, shards
from dmljax.preparation.opening import open_raw
from dmljax.types import UserError

TFDS = pytest.importorskip("tensorflow_datasets")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    root = tmp_path_factory.mktemp("kdef")
    kdef.write_fixture(str(root))
    return root


def plan(source, out, formats=shard_files.FORMATS, per_shard=100, size=24, samples=kdef.samples, **crop):
    return shards.plan(
        partial(samples, str(source)),
        str(out),
        version="1.0.0",
        size=size,
        crop={"rule": "set"} | crop,
        formats=formats,
        per_shard=per_shard,
    )


def content(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(Path(folder).rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def whole(source, tmp_path_factory):
    made = plan(source, tmp_path_factory.mktemp("whole"))
    shards.write(made, workers=1, progress=False)
    return made.folder


@pytest.mark.parametrize("kind", ["array_record", "array"])
def test_it_reads_back_what_the_source_gives(source, whole, kind, tmp_path):
    raw, pixels = read_all(kdef.samples(str(source)), 24, progress=False)
    about = json.loads((whole / "prepared.json").read_text())
    for name in content(whole):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        os.link(whole / name, tmp_path / name)
    (tmp_path / "prepared.json").unlink()
    (tmp_path / "prepared.json").write_text(json.dumps(about | {"formats": [kind]}))
    again = prepared.read(tmp_path)
    _, stored = read_all(again, 24, progress=False)
    assert np.array_equal(stored, pixels) and again.references == raw.references
    for word in ("expression", "pose", "identity"):
        assert np.array_equal(getattr(again, word), getattr(raw, word))
    for word in (
        "expression_names",
        "pose_names",
        "identity_names",
        "pose_yaw",
        "pose_mirror",
        "protocol",
        "published",
        "name",
    ):
        assert getattr(again, word) == getattr(raw, word)
    assert {s.reference.rsplit("/")[-1] for s in again.skipped} == {
        "AM02XXS.JPG",
        "BF01NEFL.JPG",
        "BM02SUFR.JPG",
    }
    assert np.array_equal(again.hashes, raw.hashes)


def test_a_set_prepared_before_files_had_a_kind_is_read(whole, tmp_path):
    for name in content(whole):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        os.link(whole / name, tmp_path / name)
    now = prepared.read(whole).skipped
    (tmp_path / "skipped.csv").unlink()
    before = "".join(f'"{s.reference}","{s.reason}"\n' for s in now)
    (tmp_path / "skipped.csv").write_text("reference,reason\n" + before)
    assert prepared.read(tmp_path).skipped == tuple(s._replace(kind="", pose="") for s in now)
    assert {s.kind for s in now} == {"", "cannot be decoded", "is black"}


def test_tfds_reads_it_too(whole):
    out = str(whole.parent.parent)
    dataset = TFDS.load("kdef", data_dir=out, split="samples", try_gcs=False)
    first = next(iter(dataset))
    source = TFDS.data_source("kdef", data_dir=out, split="samples")
    samples = prepared.read(whole)
    assert len(source) == dataset.cardinality() == len(samples)
    assert first["reference"].numpy().decode() == samples.references[0] and np.array_equal(
        first["image"], source[0]["image"]
    )
    assert [int(source[k]["expression"]) for k in (5, 277)] == [samples.expression[k] for k in (5, 277)]


@pytest.mark.slow
def test_several_processes_and_a_kill_change_no_byte(source, whole, tmp_path):
    """kill -9 after the first shard; started again, the folder ends with the bytes of the one that was never
    stopped.
    """
    script = (
        "import sys; from functools import partial; from dmljax.preparation import shards, shard_files; from"
        f" dmljax.datasets import kdef\nmade = shards.plan(partial(kdef.samples, {str(source)!r}),"
        f" {str(tmp_path)!r}, version='1.0.0', size=24, crop={{'rule': 'set'}},\n                   "
        " formats=shard_files.FORMATS, per_shard=100)\nshards.write(made, workers=1, progress=False)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script])
    folder, deadline = tmp_path / "kdef" / "1.0.0", time.monotonic() + 60
    while not (folder / "parts" / "00000.json").exists():
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not prepared.is_prepared(folder)
    for root in (tmp_path, folder):
        with pytest.raises(UserError, match="a preparation that was not finished"):
            open_raw("kdef", str(root), {})
    made = plan(source, tmp_path)
    shards.write(made, workers=2, progress=False)
    assert content(folder) == content(whole)
    stamps = {name: (folder / name).stat().st_mtime_ns for name in content(folder)}
    shards.write(plan(source, tmp_path), progress=False)  # finished: nothing is done
    assert stamps == {name: (folder / name).stat().st_mtime_ns for name in content(folder)}


def test_beam_gives_the_same_bytes(source, whole, tmp_path):
    pytest.importorskip("apache_beam")
    made = plan(source, tmp_path)
    shards.write(made, beam=["--runner=DirectRunner"], progress=False)
    assert content(made.folder) == content(whole)


def test_missing_labels_and_partitions_stay(tmp_path):
    sfew.write_fixture(str(tmp_path / "set"))
    made = plan(
        tmp_path / "set", tmp_path / "out", formats=("array_record", "tfrecord"), samples=sfew.samples
    )
    shards.write(made, workers=1, progress=False)
    raw, again = sfew.samples(str(tmp_path / "set")), prepared.read(made.folder)
    (made.folder / "prepared.json").write_text(
        (made.folder / "prepared.json").read_text().replace('"array_record",', "")
    )
    with pytest.raises(UserError, match="holds tfrecord alone"):
        prepared.read(made.folder)
    assert (
        (again.pose == -1).all()
        and np.array_equal(again.partition, raw.partition)
        and again.identity_names == ()
    )
    assert any(s.reference == "Test" for s in again.skipped)


def test_another_preparation_in_the_folder_is_refused(source, whole):
    with pytest.raises(UserError, match="size: 24 there, 32 here"):
        plan(source, whole.parent.parent, size=32)


@pytest.mark.parametrize(
    ("options", "told"),
    [({"formats": ("tfrecords",)}, "must be some of"), ({"formats": ()}, "must be some of")],
)
def test_mistakes(source, tmp_path, options, told):
    with pytest.raises(UserError, match=told):
        plan(source, tmp_path, **options)
    with pytest.raises(UserError, match="three numbers"):
        shards.plan(
            partial(kdef.samples, str(source)),
            str(tmp_path),
            version="1",
            size=8,
            crop={},
            formats=("array",),
        )


def test_a_folder_that_cannot_be_written_and_one_that_is_not_whole(source, whole, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        plan(source, tmp_path / "file")
    made = plan(source, tmp_path, formats=("array",))
    shards.write(made, workers=1, progress=False)
    next(made.folder.glob("*.array-00001-*")).unlink()
    with pytest.raises(UserError, match="lacks 'kdef-samples.array-00001-of-00003'"):
        prepared.read(made.folder)


def test_not_one_image_is_left(tmp_path):
    folder.write_fixture(str(tmp_path / "set"))
    for path in (tmp_path / "set").glob("*.ppm"):
        path.write_bytes(b"no image")
    with pytest.raises(UserError, match="not one of 36 images is left; the first, .*decoded"):
        shards.write(
            plan(tmp_path / "set", tmp_path / "out", formats=("array",), samples=folder.samples),
            workers=1,
            progress=False,
        )


def test_the_highest_version_is_found(source, whole, tmp_path):
    for version in ("1.0.0", "1.9.0", "1.10.0"):
        opened = partial(kdef.samples, str(source))
        made = shards.plan(
            opened, str(tmp_path), version=version, size=8, crop={"rule": "set"}, formats=("array",)
        )
        shards.write(made, workers=1, progress=False)
    assert (
        prepared.find(tmp_path, "kdef") == tmp_path / "kdef" / "1.10.0"
        and prepared.find(tmp_path, "rafd") is None
    )
    assert len(open_raw("kdef", str(tmp_path), {})) == 278
    with pytest.raises(UserError, match="is a prepared set of kdef, and dataset.name is rafd"):
        open_raw("rafd", str(whole), {})


def test_a_set_prepared_with_other_options_is_refused(source, tmp_path):
    options = {"sessions": "A"}
    made = shards.plan(
        partial(open_raw, "kdef", str(source), options),
        str(tmp_path),
        version="1.0.0",
        size=8,
        crop={"rule": "set"},
        options=options,
        formats=("array",),
    )
    shards.write(made, workers=1, progress=False)
    assert len(open_raw("kdef", str(tmp_path), options)) == 140
    with pytest.raises(UserError, match="other options .sessions: 'A' there, 'both' here"):
        open_raw("kdef", str(tmp_path), plugins.defaults("datasets", "kdef"))


def test_a_set_is_not_prepared_into_its_own_folder(tmp_path):
    changes = {"dataset.name": "folder", "dataset.root": str(tmp_path)}
    with pytest.raises(UserError, match="^out: is the folder of the set itself"):
        prepare.prepare(get_config("quick", changes), str(tmp_path / "."), formats=("array",))
    assert not list(tmp_path.iterdir())


def test_angles_are_kept_with_the_images(tmp_path):
    folder.write_fixture(tmp_path / "set")
    table = tmp_path / "set" / "manifest.csv"
    first, *lines = table.read_text().splitlines()
    angles = [f"{k - 20.5},{'' if k % 3 else k}" for k in range(len(lines))]
    table.write_text("\n".join([f"{first},yaw,roll", *map(",".join, zip(lines, angles))]))
    opener = partial(open_raw, "folder", str(tmp_path / "set"), {}, angles=True)
    formats = shard_files.FORMATS
    planned = partial(
        shards.plan,
        out=str(tmp_path / "out"),
        version="1.0.0",
        size=16,
        crop={"rule": "set"},
        formats=formats,
    )
    made = planned(opener)
    shards.write(made, workers=1, progress=False)
    again, raw = prepared.read(made.folder), opener()
    assert again.angles_names == ("yaw", "roll") and again.angles.dtype == np.float32
    number = {reference: k for k, reference in enumerate(raw.references)}
    same = raw.angles[[number[reference] for reference in again.references]]
    assert np.array_equal(again.angles, same, equal_nan=True)
    assert open_raw("folder", str(tmp_path / "out"), {}).angles is None  # which nobody asked for
    example = next(iter(TFDS.load("folder", data_dir=str(tmp_path / "out"), split="samples", try_gcs=False)))
    assert np.array_equal(example["angles"], again.angles[0], equal_nan=True)
    changed = raw.replace(angles=raw.angles + 1)
    with pytest.raises(UserError, match="holds another preparation"):
        planned(lambda: changed)
