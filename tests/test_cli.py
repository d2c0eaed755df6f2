"""The commands as a user meets them: what they write, and what they say to a mistake."""

import contextlib
import csv
import errno
import importlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from absl import flags
from dmljax.launch import _arguments, _define, benchmark, cli
from ml_collections import config_flags
from PIL import Image

from dmljax import __version__
from dmljax.config import get_config
from dmljax.types import UserError

ROOT = Path(__file__).parent.parent
TINY = [
    "--noprogress",
    "--config.data.image_size=24",
    "--config.backbone.resnet.depth=18",
    "--config.backbone.resnet.width=4",
    "--config.backbone.resnet.stages=(1,)",
    "--config.data.tuples_per_step=1",
    "--config.data.batch_size=5",
    "--config.train.duration=2 steps",
    "--config.model.fused=8",
    "--config.model.embedding=8",
    "--config.model.hidden=8",
]


def dmljax(*arguments, **environment):
    done = subprocess.run(
        [sys.executable, "-c", "from dmljax.launch.cli import main; main()", *arguments],
        cwd=ROOT,
        text=True,
        capture_output=True,
        env=os.environ | {"XLA_FLAGS": ""} | environment,
    )
    assert "Traceback" not in done.stderr, done.stderr[-3000:]
    return done


def refused(*arguments, **environment):
    """The line that answers a mistake. With an environment in a process of its own; else here, which takes no
    seconds to start.
    """
    if environment:
        done = dmljax(*arguments, **environment)
        code, output, error = done.returncode, done.stdout, done.stderr
    else:
        code, output, error = here(arguments)
    assert code == 2 and "Traceback" not in error, (code, output, error[-3000:])
    return error.strip().splitlines()[-1]


def here(arguments):
    """(exit code, output, errors) of a command in this process."""
    with (
        mock.patch.object(sys, "argv", ["dmljax", *arguments]),
        mock.patch.dict(os.environ),
        contextlib.redirect_stdout(io.StringIO()) as output,
        contextlib.redirect_stderr(io.StringIO()) as error,
        pytest.raises(SystemExit) as end,
    ):
        cli.main()
    return end.value.code, output.getvalue(), error.getvalue()


ONE_DEVICE = {"XLA_FLAGS": ""}


@pytest.mark.slow
def test_folds_from_the_archive_to_the_tables(tmp_path):
    """CMU faces' layout: every fold is trained, evaluated and put together."""
    from dmljax.datasets import cmu_faces

    cmu_faces.write_fixture(tmp_path / "set")
    common = [
        "train",
        "--config=cmu_faces",
        *TINY,
        f"--config.dataset.root={tmp_path / 'set'}",
        "--config.split.folds=3",
    ]
    done = dmljax(*common, f"--run={tmp_path / 'run'}")
    assert done.returncode == 0 and "fold 3 of 3" in done.stdout, done.stderr
    done = dmljax("evaluate", f"--run={tmp_path / 'run'}", "--noprogress")
    assert done.returncode == 0 and "3 folds" in done.stdout, done.stderr
    whole = tmp_path / "run" / "evaluation"
    rows = list(csv.DictReader((whole / "predictions.csv").read_text().splitlines()))
    # every sample once over the folds
    assert len(rows) == 96 and len({row["reference"] for row in rows}) == 96
    score = json.loads((whole / "metrics.json").read_text())
    hits = [row["expression"] == row["expression_predicted"] for row in rows]
    assert score["scores"]["expression accuracy"] == pytest.approx(np.mean(hits))
    assert np.sum(score["confusion"]["pose"]) == 96 and len(score["folds"]) == 3
    for name in (
        "confusion_expression.png",
        "confusion_pose.png",
        "expression_by_pose.png",
        "tables.md",
        "folds.csv",
    ):
        assert (whole / name).stat().st_size > 100
    assert (tmp_path / "run" / "fold_0" / "evaluation" / "curves.png").exists()
    skipped = list(csv.DictReader((tmp_path / "run" / "fold_0" / "skipped.csv").read_text().splitlines()))
    reasons = {row["reference"]: row["reason"] for row in skipped}
    assert reasons["faces/ann/ann_up_sad_open.bad"] == "marked .bad by the set's authors"
    done = dmljax("evaluate", f"--run={tmp_path / 'run'}", "--noprogress", "--yaw=-10,60")
    some = json.loads((tmp_path / "run" / "evaluation_yaw_-10_60" / "metrics.json").read_text())
    assert done.returncode == 0 and np.sum(some["confusion"]["pose"]) == 48


def test_one_s_own_manifest_with_missing_labels_and_a_broken_image(tmp_path):
    from dmljax.datasets import folder

    folder.write_fixture(tmp_path)
    Image.new("RGB", (30, 36), (90, 120, 70)).save(tmp_path / "plain.png")
    (tmp_path / "broken.png").write_bytes((tmp_path / "plain.png").read_bytes()[:40])
    with open(tmp_path / "manifest.csv", "a") as file:
        file.write("plain.png,joy,,p1\nbroken.png,joy,0,p1\n")
    run = tmp_path / "run"
    done = dmljax(
        "train",
        "--config=manifest",
        *TINY,
        f"--config.dataset.root={tmp_path}",
        f"--run={run}",
        "--config.data.leftovers=True",
        "--config.split.folds=2",
    )
    assert done.returncode == 0, done.stderr
    assert "2 files skipped" in done.stdout
    skipped = {
        row["reference"]: row["reason"]
        for row in csv.DictReader((run / "skipped.csv").read_text().splitlines())
    }
    assert skipped["lost.ppm"] == "no such file" and "cannot be decoded" in skipped["broken.png"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--config.trian.duration=1"], "field 'trian.duration'. Did you mean 'train.duration'?"),
        (["--config.nothing=1"], "unknown field 'nothing'. dmljax fields lists them"),
        (["--config.train.duratoin=1"], "Did you mean 'train.duration'?"),
        (["--config=quik"], "no configuration 'quik'"),
        (["--config=lost.yaml"], "there is no file 'lost.yaml'"),
        (["--config=quick:papr"], "Did you mean 'paper'?"),
        (["--config.seed=abc"], "--config.seed must be a whole number from 0 to 4294967295, got 'abc'"),
        (["--config.seed=1.5"], "--config.seed must be a whole number from 0 to 4294967295, got '1.5'"),
        (["--config.model.pose_head=maybe"], "--config.model.pose_head must be True or False, got 'maybe'"),
        (["--config.ema.decay=slow"], "--config.ema.decay must be a number of at least 0 and below 1, got"),
        (
            ["--config.model.branches=('face', eyes"],
            "branches must be one or more of face, eyes, mouth, each",
        ),
        (["--config.seed"], "--config.seed needs a value, a whole number from 0"),
        (["--config.seed", "--nothing"], "--config.seed needs a value, a whole number from 0"),
        (["--run"], "--run needs a value: --run=VALUE"),
        (["--config"], "--config needs a value: --config=NAME"),
        (["--noprogress=3"], "--noprogress takes no value; write --noprogress or --progress=False"),
        (["--processes=two"], "--processes: must be a whole number above 0, or auto; got 'two'"),
        (["--config.optimizer=3"], "optimizer is a section, not a field; change its fields adafactor, adam"),
        (
            ["--config.backbone.resnet.stages=abc"],
            "stages must be at least 1; got abc; it takes whole numbers",
        ),
        (["--config.train.duration=soon"], "train.duration must be a duration such as"),
        (["--config.weighting.name=dva"], "Did you mean 'dwa'?"),
        (["--config.dataset.name=cmu"], "dataset.name must be one of bu3dfe, class_folders, "),
        (["--config.seed=-1", "--config.data.accumulate=0"], "at least 1 (mini-batches), got 0"),
        (["--config.split.fold=-1", "--config.split.folds=-3"], "split.folds must be a whole number"),
        (
            ["--config.dataset.name=cmu_faces", "--config.dataset.root=/nowhere"],
            "no folder or archive at '/nowhere'",
        ),
        (["--config.dataset.name=cmu_faces"], "no folder or archive at ''"),
        (["--config.dataset.name=folder", "--config.dataset.root=/nowhere"], "no manifest"),
        (["--config.split.folds=99"], "there are 6 identities"),
        (["--config.losses.link=relu"], "losses.link must be one of hinge, softplus, none, got 'relu'"),
        (["--config.model.branches=('face','nose')"], "model.branches must be one or more of face"),
        (["--config.backbone.resnet.depth=20"], "depth must be one of 18, 34, 50, 101"),
        (["--config.data.feed=disk"], "data.feed must be one of"),
        (["--config.data.tuples_per_step=3"], "does not divide among 8 devices"),
        (
            ["--config.dataset.synthetic.identities=5", "--config.data.tuples_per_step=400"],
            "a step needs 400",
        ),
        (["surplus"], "unexpected 'surplus'"),
        (["--rnu=x"], "there is no flag --rnu. Did you mean 'run'?"),
    ],
)
def test_a_mistake_is_answered_in_one_line(tmp_path, arguments, said):
    line = refused(
        "train",
        f"--run={tmp_path / 'run'}",
        "--noprogress",
        "--config.dataset.synthetic.identities=6",
        "--config.data.tuples_per_step=8",  # divides among the devices here
        *arguments,
    )
    assert said in line and line.startswith("dmljax train: ")
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_advice_about_a_field_is_the_flag():
    values = flags.FlagValues()
    config_flags.DEFINE_config_dict("config", get_config("quick"), flag_values=values)
    values(["dmljax"])
    text = "lower data.tuples_per_step=400, or set losses.total.pose=1; x-data.y=2, mydata.y=3 stay"
    found = cli._fields_as_flags(text, values)
    assert found.startswith("lower --config.data.tuples_per_step=400, or set --config.losses.total.pose=1; ")
    assert (
        found.endswith("; x-data.y=2, mydata.y=3 stay")
        and cli._fields_as_flags(text, flags.FlagValues()) == text
    )


def test_the_version(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["dmljax", "--version"])
    with pytest.raises(SystemExit, match="0"):
        cli.main()
    assert capsys.readouterr().out.startswith(f"dmljax {__version__}, jax 0.")


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("face,eyes", ("face", "eyes")),
        ("face", ("face",)),
        ("('face', 'mouth')", ("face", "mouth")),
        ("face, mouth,", ("face", "mouth")),
    ],
)
def test_names_with_commas(written, value):
    assert parsed(f"--config.model.branches={written}").config.model.branches == value


@pytest.mark.parametrize("written", ["none", "", "()"])
def test_no_names(written):
    assert parsed(f"--config.tracking.trackers={written}").config.tracking.trackers == ()


def test_a_flag_of_several_values():
    values = flags.FlagValues()
    flags.DEFINE_multi_string("over", [], "", flag_values=values)
    flags.DEFINE_string("run", "", "", flag_values=values)
    _define.several(values, "over")
    given = ["--over", "a=1", "b=-2..3", "--run=x", "--over=c=4", "--noprogress"]
    expected = ["--over=a=1", "--over=b=-2..3", "--run=x", "--over=c=4", "--noprogress"]
    assert _arguments.repeated(values, given) == expected


def test_arguments_that_are_no_flags_are_values_of_the_one_that_takes_them():
    values = flags.FlagValues()
    flags.DEFINE_multi_string("photographs", [], "", flag_values=values)
    flags.DEFINE_string("run", "", "", flag_values=values)
    flags.DEFINE_bool("flip", False, "", flag_values=values)
    given = ["a.jpg", "--run", "x", "b c.jpg", "--flip", "d.jpg", "--run=y", "e", "--photographs=f"]
    assert _arguments.named(values, given) == given  # nothing takes them
    _define.rest(values, "photographs")
    assert [a for a in _arguments.named(values, given) if a.startswith("--photographs=")] == [
        f"--photographs={name}" for name in ("a.jpg", "b c.jpg", "d.jpg", "e", "f")
    ]
    assert _arguments.named(values, given)[1:3] == ["--run", "x"]


def test_mistakes_of_the_other_commands(tmp_path):
    assert f"dmljax evaluate: --run: '{tmp_path}' is no run folder" in refused(
        "evaluate", f"--run={tmp_path}"
    )
    assert "--yaw: must be two numbers" in refused("evaluate", "--yaw=left")
    assert "--yaw: must be two numbers; got nan and 5" in refused("evaluate", "--yaw=nan,5")
    assert "Did you mean 'train'?" in refused("trian")
    (tmp_path / "file").touch()
    assert str(tmp_path / "file") in refused(
        "train",
        *TINY,
        "--config.dataset.synthetic.identities=6",
        f"--run={tmp_path / 'file' / 'run'}",
        **ONE_DEVICE,
    )
    assert "--batch: must be a multiple of 5, got 7" in refused(
        "benchmark", "--batch=7", "--device=cpu", **ONE_DEVICE
    )
    assert "--stages: must be whole numbers" in refused("benchmark", "--stages=a,b")
    for device in ("tpu",) if Path("/dev/nvidia0").exists() else ("tpu", "gpu", "cuda"):
        said = refused("benchmark", f"--device={device}", **ONE_DEVICE)  # it asks JAX for that device alone
        assert f"--device: JAX finds no such device as {device}" in said
    assert "--run: give one or more run folders" in refused("audit")
    assert "--run: the folders must have different names" in refused("audit", "--run=a/x,b/x")
    assert f"--run: '{tmp_path}' is no run folder" in refused("audit", f"--run={tmp_path}")
    shown = dmljax("--help")
    assert shown.returncode == 0 and "evaluate" in shown.stdout


def test_fields_are_listed_by_prefix():
    lines = dmljax("fields", "train.pa").stdout.splitlines()
    assert lines[0] == "train.patience = 0 [epochs]: a whole number of at least 0" and len(lines) == 2
    assert dmljax("fields", "ema", "--markdown").stdout.startswith("| field | default |")
    assert "begins with 'trian'" in refused("fields", "trian")


ALONE = """
import sys
from dmljax.launch.cli import main
try:
    main()
finally:
    heavy = {"jax", "flax", "tensorflow", "ml_collections", "matplotlib", "sklearn", "PIL"} & set(sys.modules)
    if heavy:
        sys.exit(f"imported: {heavy}")
"""


@pytest.mark.parametrize("options", [(), ("-OO",)])
def test_the_listing_names_every_command_and_imports_nothing_heavy(options):
    done = subprocess.run(
        [sys.executable, *options, "-c", ALONE, "--help"], cwd=ROOT, text=True, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    listed = [line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")]
    files = {path.stem for path in (ROOT / "launch").glob("*.py") if "SUMMARY = " in path.read_text()}
    assert listed == sorted(files) and {"train", "report", "fields"} < files and "cli" not in files
    assert all(len(line) <= 100 and line.endswith(".") for line in done.stdout.splitlines() if "  " in line)


@pytest.mark.parametrize("error", [ValueError, TypeError])
@pytest.mark.parametrize("asked", ["", "1"])
def test_what_a_library_refuses_is_told_in_one_line(error, asked, monkeypatch, capsys):
    def body(values):
        raise error("labels must be [S],\n  got [3, 4]")

    monkeypatch.setenv("DMLJAX_TRACEBACK", asked)
    with pytest.raises(SystemExit) as end:
        cli.run("train", "Trains.", "", lambda values: None, body, [])
    told = capsys.readouterr().err.splitlines()
    assert end.value.code == 2
    assert told[-1] == (
        f"dmljax train: labels must be [S], got [3, 4] ({error.__name__}; DMLJAX_TRACEBACK=1 shows where)"
    )
    assert (len(told) == 1) == (asked == "") and ("Traceback" in told[0]) == (asked == "1")


@pytest.mark.parametrize(
    ("path", "number", "said"),
    [
        ("/none/x", errno.ENOENT, "--run: '/none/x/run' cannot be used ('/none/x': No such file"),
        ("/none/x/run/log", errno.ENOSPC, "--run: '/none/x/run' cannot be used"),
        ("/other/.q.onnx.12.part", errno.EROFS, "--out: '/other/q.onnx' cannot be used"),
        (
            "/other/data",
            errno.EACCES,
            "dmljax train: '/other/data': Permission denied; give a place that you may",
        ),
        (None, errno.ENOSPC, "dmljax train: No space left on device; the disk is full"),
    ],
)
def test_what_the_system_refuses_names_the_flag(path, number, said, capsys):
    def define(values):
        flags.DEFINE_string("run", "/none/x/run", "", flag_values=values)
        flags.DEFINE_string("out", "/other/q.onnx", "", flag_values=values)

    def body(values):
        raise OSError(number, os.strerror(number), path) if path else OSError(number, os.strerror(number))

    with pytest.raises(SystemExit) as end:
        cli.run("train", "", "", define, body, [])
    assert end.value.code == cli.MISTAKE and said in capsys.readouterr().err


def test_a_user_s_mistake_has_no_hint_but_shows_its_way_too(monkeypatch, capsys):
    def body(values):
        raise UserError("data.accumulate must be at least 1, got 0")

    for asked, lines in (("", 1), ("1", 5)):
        monkeypatch.setenv("DMLJAX_TRACEBACK", asked)
        with pytest.raises(SystemExit):
            cli.run("train", "Trains.", "", lambda values: None, body, [])
        told = capsys.readouterr().err.splitlines()
        assert told[-1] == "dmljax train: data.accumulate must be at least 1, got 0" and len(told) >= lines
        assert (len(told) == 1) == (lines == 1)


@pytest.mark.parametrize(
    ("parameter", "shown"),
    [("run", "--run"), ("folder", "--out"), ("split.file", "--config.split.file"), ("signals", "signals")],
)
def test_a_parameter_is_shown_as_the_flag_that_gives_it(parameter, shown, capsys):
    def define(values):
        _define.config(values, "quick")
        flags.DEFINE_string("run", "", "", flag_values=values)
        flags.DEFINE_string("out", "", "", flag_values=values)
        _define.gives(values, "out", "folder")

    def body(values):
        raise UserError("must be given", parameter=parameter)

    with pytest.raises(SystemExit):
        cli.run("train", "Trains.", "", define, body, [])
    assert capsys.readouterr().err == f"dmljax train: {shown}: must be given\n"


@pytest.mark.slow
def test_prepare_makes_checks_and_draws(tmp_path):
    from dmljax.datasets import bu3dfe, ict3dfe

    cache = {"DMLJAX_CACHE": str(tmp_path / "cache")}
    common = [
        "prepare",
        "--config=quick",
        "--config.dataset.synthetic.identities=2",
        "--config.dataset.synthetic.size=24",
        "--noprogress",
    ]
    done = dmljax(*common, f"--sheet={tmp_path / 'sheet.png'}", "--side=24", **cache)
    assert done.returncode == 0 and "70 images, 2 identities, 0 files skipped" in done.stdout, done.stderr
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width > 7 * 24
    assert len(list((tmp_path / "cache").glob("synthetic-*/*.npz"))) == 2
    (tmp_path / "scans").mkdir()
    bu3dfe.write_fixture(str(tmp_path / "scans"))
    scans = [
        "--config=bu3dfe",
        f"--config.dataset.root={tmp_path / 'scans'}",
        "--config.dataset.bu3dfe.size=32",
        "--noprogress",
    ]
    done = dmljax("prepare", *scans, f"--sheet={tmp_path / 'b.png'}", **cache)
    assert done.returncode == 0 and "bu3dfe: 72 images (published: 2,500 scans" in done.stdout, done.stderr
    assert "2 identities, 19 files skipped" in done.stdout
    listed = list(csv.DictReader((tmp_path / "b.skipped.csv").read_text().splitlines()))
    assert len(listed) == 19 and any("bmp is missing" in row["reason"] for row in listed)
    assert sum(row["kind"] == "cannot be read" for row in listed) == 18
    said = refused(*common, "--sheet=", DMLJAX_CACHE=str(tmp_path / "sheet.png"))
    assert "pictures cannot be kept in" in said and "set DMLJAX_CACHE" in said
    (tmp_path / "wrong").mkdir()
    ict3dfe.write_fixture(str(tmp_path / "wrong"))
    archive = tmp_path / "wrong" / "model.npz"
    archive.write_bytes(archive.read_bytes()[:1000])
    assert "cannot be read as .npz" in refused(
        "prepare", "--config=ict3dfe", f"--config.dataset.root={archive}", "--sheet="
    )


def test_a_set_with_one_face_names_the_condition(tmp_path):
    from dmljax.datasets import folder

    folder.write_fixture(tmp_path)
    path = tmp_path / "manifest.csv"
    path.write_text(path.read_text().replace(",anger,", ",joy,").replace(",neutral,", ",joy,"))
    line = refused(
        "train",
        "--config=manifest",
        *TINY,
        f"--config.dataset.root={tmp_path}",
        f"--run={tmp_path / 'run'}",
        "--config.split.folds=2",
        "--config.sampler.name=five_tuples",
        **ONE_DEVICE,
    )
    assert "no five-tuple can be formed" in line and "one expression only" in line and "'joy'" in line


SETS = {
    "kdef": ("kind=folds", "folds=2"),
    "multipie": ("kind=folds", "folds=2"),
    "rafd": ("folds=3",),
    "sfew": (),
}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) for name in ("kdef", "multipie", "rafd", "sfew")]
)
def test_from_a_licensed_sets_folder_to_a_first_step(name, tmp_path):
    importlib.import_module(f"dmljax.datasets.{name}").write_fixture(str(tmp_path / "set"))
    split = [f"--config.split.{field}" for field in SETS[name]]
    done = dmljax(
        "train",
        f"--config={name}",
        *TINY,
        *split,
        f"--config.dataset.root={tmp_path / 'set'}",
        f"--run={tmp_path / 'run'}",
    )
    assert (
        done.returncode == 0
        and "published" in done.stdout
        and (tmp_path / "run" / "checkpoints" / "last").exists()
    ), done.stderr


@pytest.mark.slow
def test_prepared_joined_and_tested_on_another_set(tmp_path):
    """kdef prepared, joined with rafd as it lies, tested on sfew; by the feed from disk; evaluated."""
    for name in ("kdef", "rafd", "sfew"):
        importlib.import_module(f"dmljax.datasets.{name}").write_fixture(str(tmp_path / name))
    made = dmljax(
        "prepare",
        "kdef",
        f"--source={tmp_path / 'kdef'}",
        "--config.data.image_size=32",
        f"--out={tmp_path / 'out'}",
        "--noprogress",
    )
    folder = tmp_path / "out" / "kdef" / "1.0.0"
    assert made.returncode == 0 and f"prepared: {folder}" in made.stdout, made.stderr
    assert (
        "| afraid | 8 | 8 | 8 | 8 | 8 | 40 |" in (folder / "report.md").read_text()
        and (folder / "contact_sheet.png").stat().st_size > 1000
    )
    # the other session's is a black placeholder
    assert "neutral,full left,F01,1" in (folder / "counts.csv").read_text()
    run = tmp_path / "run"
    done = dmljax(
        "train",
        "--config=kdef",
        *TINY,
        f"--train=kdef:{tmp_path / 'out'},rafd:{tmp_path / 'rafd'}",
        f"--test=sfew:{tmp_path / 'sfew'}",
        "--config.data.feed=tfdata",
        f"--run={run}",
    )
    assert (
        done.returncode == 0
        and "test 14 images of 0 people" in done.stdout
        and "has no contempt" in done.stdout
    ), done.stderr
    scored = dmljax("evaluate", f"--run={run}", "--noprogress")
    assert scored.returncode == 0 and "expression accuracy" in scored.stdout, scored.stderr


def test_mistakes_about_sets(tmp_path):
    folder = importlib.import_module("dmljax.datasets.folder")
    folder.write_fixture(str(tmp_path))
    own = ("--config=manifest", f"--config.dataset.root={tmp_path}")
    assert "--train: is written as name:folder" in refused(
        "train",
        "--config=manifest",
        "--config.data.tuples_per_step=8",
        "--train=kdef",
        f"--run={tmp_path / 'run'}",
    )
    line = refused("prepare", "folder")
    assert "or one of base, brief, bu3dfe" in line and "folder is a set: choose it by dataset.name" in line
    assert "no configuration 'kdeff'" in refused("prepare", "kdeff") and "unexpected 'more'" in refused(
        "prepare", "kdef", "more"
    )
    assert "Did you mean 'haar'" in refused("prepare", *own, "--config.crop.rule=har")
    assert "--formats: must be some of array_record, tfrecord, array" in refused(
        "prepare", *own, f"--out={tmp_path / 'o'}", "--formats=png"
    )
    assert "prepared one by one" in refused(
        "prepare", "--config=manifest", f"--config.dataset.train=folder:{tmp_path}", f"--out={tmp_path / 'o'}"
    )


@pytest.mark.slow
def test_a_report_of_a_run_and_of_several(tmp_path):
    """Trains two tiny runs, one from the branches of the other, and writes their pages; evaluates what was
    not evaluated.
    """
    small = ["--config=quick", "--config.dataset.synthetic.identities=10", *TINY]
    first, second = tmp_path / "first", tmp_path / "second"
    assert dmljax("train", *small, f"--run={first}").returncode == 0
    began = dmljax("train", *small, f"--config.init.run={first}", f"--run={second}")
    assert (
        began.returncode == 0
        and "taken face: " in began.stdout
        and "left embedding: not asked for" in began.stdout
    ), began.stderr
    done = dmljax("report", f"--run={first},{second}", f"--out={tmp_path}", "--noprogress")
    assert done.returncode == 0, done.stderr
    text = (first / "report.html").read_text()
    assert all(
        part in text
        for part in ("Hardest images", "What the features tell", "Confusion", "Training", "Versions")
    )
    assert "no curves.png" not in text
    assert (
        "first" in (tmp_path / "runs.html").read_text() and "second" in (tmp_path / "runs.html").read_text()
    )
    audited = dmljax(
        "audit", f"--run={first},{second}", f"--out={tmp_path / 'audit'}", "--noprogress", "--nomaps"
    )
    assert (
        audited.returncode == 0
        and "identity" in audited.stdout
        and (tmp_path / "audit" / "audit.csv").exists()
    ), audited.stderr
    films = tmp_path / "films"
    importlib.import_module("dmljax.datasets.sfew").write_fixture(str(films))
    labelled = dmljax(
        "annotate",
        f"--run={first}",
        f"--set=sfew:{films}",
        "--people=6",
        f"--out={tmp_path / 'labels'}",
        "--noprogress",
    )
    assert labelled.returncode == 0 and "38 images, 6 clusters" in labelled.stdout, labelled.stderr
    assert (tmp_path / "labels" / "person_005.png").exists()
    again = dmljax(
        "train",
        "--config=sfew",
        *TINY,
        f"--config.dataset.root={films}",
        f"--config.dataset.labels={tmp_path / 'labels' / 'labels.csv'}",
        "--config.split.kind=folds",
        "--config.split.folds=2",
        f"--run={tmp_path / 'sfew'}",
    )
    assert again.returncode == 0 and "6 identities" in again.stdout, again.stderr
    assert "written as name:folder" in refused(
        "annotate", f"--run={first}"
    ) and "give a trained run" in refused("annotate")
    assert "is no run folder" in refused("report", f"--run={tmp_path / 'nowhere'}")


def test_mistakes_of_studies(tmp_path):
    assert "--seeds: must be whole numbers" in refused("compare", "--seeds=a")
    assert "must be key=value" in refused("compare", "--cluster_options=timeout_min")


def parsed(*arguments, define=None):
    """The values that a program gets, in this process; `define` makes its flags."""
    found = []
    with pytest.raises(SystemExit) as ended:
        define = define or (lambda v: _define.config(v, "quick"))
        cli.run("test_cli", "", "", define, found.append, list(arguments))
    assert ended.value.code == (0 if found else 2)
    return found[0] if found else None


def test_the_configuration_of_a_command(tmp_path, capsys, monkeypatch):
    from dmljax import config

    monkeypatch.setattr("sys.argv", ["unused", "--config=nonsense"])
    resolved = tmp_path / "resolved.json"
    config.write(config.get_config("quick", {"losses.margin_pose": 0.3}), resolved)
    assert parsed().config.to_dict() == config.get_config("quick").to_dict()
    for given in ([f"--config={resolved}"], ["--config", str(resolved)], [f"-config={resolved}"]):
        made = parsed("--config.seed=4", *given, "--config.model.branches=('face',)").config
        assert (made.losses.margin_pose, made.seed, made.model.branches) == (0.3, 4, ("face",))
        assert made.train.duration == "40 epochs" and made.is_locked
    assert parsed("--config=brief:paper").config.losses.link == "none"
    assert parsed("--noconfig.ema.warmup").config.ema.warmup is False

    def named(values):
        _define.config(values, "quick")
        _define.positional(values, "config")

    assert parsed("brief", "--config.seed=2", define=named).config.train.duration == "10 epochs"
    capsys.readouterr()
    for arguments, told in (
        ((f"--config={resolved}:paper",), "takes no preset"),
        (("--config",), "--config needs a value"),
        (("brief", "more"), "unexpected 'brief'"),
    ):
        assert parsed(*arguments) is None
        line = capsys.readouterr().err
        assert told in line and line.startswith("dmljax test_cli: ")


def test_a_changed_configuration_file_is_noticed_by_the_study(tmp_path, capsys):
    from dmljax.launch import compare

    from dmljax import config

    own, record = tmp_path / "own.py", tmp_path / "study" / "study.json"
    own.write_text(
        "from dmljax.configs import quick\n\ndef get_config():\n    c = quick.get_config()\n"
        "    c.losses.margin_pose = 0.3\n    return c\n"
    )
    record.parent.mkdir()
    record.write_text(json.dumps({"config": config.get_config(own).to_dict(), "members": {}}))
    own.write_text(own.read_text().replace("0.3", "0.25"))
    values = parsed(f"--config={own}", "--config.seed=5", f"--run={record.parent}", define=compare.define)
    with pytest.raises(UserError) as error:
        compare.main(values)
    assert "losses.margin_pose: 0.3 there, 0.25 here" in str(error.value)
    assert str(error.value).count(" here") == 1


def test_dashes_in_a_flag_are_underscores():
    values = parsed("--compile_for=v5e:2x2", define=benchmark.define)
    spelt = lambda argument: _arguments.underscored(values, argument)
    assert (
        spelt("--compile-for=v5e:2x2-x") == "--compile_for=v5e:2x2-x"
        and spelt("--compile-for") == "--compile_for"
    )
    assert spelt("--batch-norm-group") == "--batch_norm_group" and spelt("--no-such") == "--no-such"
    assert spelt("compile-for") == "compile-for" and spelt("-") == "-" and spelt("a\n-b=c") == "a\n-b=c"


def test_what_is_compiled_is_what_the_flags_say(monkeypatch, capsys):
    from dmljax.costs import compiled

    monkeypatch.setattr(compiled, "compile_for", lambda name, **size: {"for": name} | size)
    given = "--compile_for=v5e:2x2 --mode=infer --image=32 --batch=8 --width=4 --stages=1,2 --dtype=bf16"
    more = "--convolution=xla --remat --batch_norm_group=2"
    benchmark.main(parsed(*f"{given} {more}".split(), define=benchmark.define))
    assert json.loads(capsys.readouterr().out) == {
        "for": "v5e:2x2",
        "mode": "infer",
        "image": 32,
        "batch": 8,
        "width": 4,
        "stages": ["1", "2"],
        "dtype": "bf16",
        "convolution": "xla",
        "remat": True,
        "batch_norm_group": 2,
    }
    with pytest.raises(UserError, match="nothing is timed") as error:
        benchmark.main(parsed("--compile_for=v5e:2x2", "--warmup=1", define=benchmark.define))
    assert error.value.parameter == "warmup"


def test_the_commands_explain_themselves_without_docstrings():
    """python -OO drops them."""
    done = subprocess.run(
        [sys.executable, "-OO", "-c", "from dmljax.launch.cli import main; main()", "reproduce", "--help"],
        cwd=ROOT,
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0 and "table8" in done.stdout and "--seeds: " in done.stdout, done.stderr


@pytest.mark.slow
def test_compare_plans_runs_resumes_and_reports(tmp_path):
    run = tmp_path / "cmp"
    tiny = ["--config=quick", "--config.dataset.synthetic.identities=5", *TINY]
    common = ["compare", *tiny, "--strategies=dwa", "--seeds=0", f"--run={run}", "--jobs=2"]
    done = dmljax(*common)
    assert done.returncode == 0 and "single_pose" in done.stdout, done.stderr
    first, *more = (run / "comparison.csv").read_text().split("\n\n")  # a table after the other
    rows = list(csv.DictReader(first.splitlines()))
    assert {row["strategy"] for row in rows} == {"equal", "rlw", "single_expression", "single_pose", "dwa"}
    assert [table.splitlines()[0] for table in more] == ["Embedding and probabilities"]
    stamps = {p: p.stat().st_mtime_ns for p in run.rglob("cost.json")}
    (run / "dwa" / "seed_0_fold_0" / "cost.json").unlink()  # a member that was stopped
    failed = dmljax(*(part.replace("=dwa", "=dwa,sdmgrad") for part in common))
    assert failed.returncode == 1 and "data.accumulate" in failed.stderr and "equal" in failed.stdout
    assert {p for p, stamp in stamps.items() if p.stat().st_mtime_ns != stamp} == {
        run / "dwa" / "seed_0_fold_0" / "cost.json"
    }
    assert "data.image_size: 24 there, 32 here" in refused(*common, "--config.data.image_size=32")


@pytest.mark.slow
def test_the_ablation_runs_resumes_and_shows_the_published_numbers(tmp_path):
    run = tmp_path / "all"
    tiny = [
        "reproduce",
        "table8",
        "--config=quick",
        "--config.dataset.synthetic.identities=5",
        *TINY,
        "--seeds=0",
        f"--run={run}",
        "--jobs=2",
    ]
    done = dmljax(*tiny)
    assert (
        done.returncode == 0 and "+ dynamic weights" in done.stdout and "too few runs to say" in done.stdout
    ), done.stderr
    text = (run / "table8.md").read_text()
    assert (
        "synthetic (rendered faces), 5 of 5 runs" in text
        and "| one ResNet | 1 |" in text
        and "88.2" in text
        and (run / "table8.html").exists()
    )
    stamps = {p: p.stat().st_mtime_ns for p in run.rglob("cost.json")}
    assert dmljax(*tiny).returncode == 0 and len(stamps) == 5
    assert stamps == {p: p.stat().st_mtime_ns for p in run.rglob("cost.json")}
    assert "Did you mean 'table8'" in refused("reproduce", "table88") and "three branches" in refused(
        "reproduce", "table8", "--config=sfew"
    )


@pytest.fixture
def evaluated(tmp_path):
    """Makes a run folder with what an evaluation says of each person: hits of ten images."""

    def make(name, hits):
        folder = tmp_path / name / "evaluation"
        folder.mkdir(parents=True)
        (tmp_path / name / "config.json").write_text("{}")
        rows = [
            f"{who}{k},{who},joy,{'joy' if k < right else 'fear'}"
            for who, right in hits.items()
            for k in range(10)
        ]
        header = "reference,identity,expression,expression_predicted"
        (folder / "predictions.csv").write_text("\n".join([header, *rows]))
        return str(tmp_path / name)

    return make


def test_power_of_finished_runs(evaluated):
    a = [evaluated("a0", {"p": 9, "q": 7, "r": 8}), evaluated("a1", {"p": 8, "q": 7, "r": 6})]
    b = [evaluated("b0", {"p": 6, "q": 7, "r": 7}), evaluated("b1", {"p": 7, "q": 5, "r": 6})]
    code, output, error = here(["power", f"--run={','.join(a)}", f"--against={','.join(b)}", "--points=5,20"])
    assert code == 0, error
    lines = output.splitlines()
    assert lines[0].split() == ["seeds", "5", "points", "20", "points"]
    assert [line.split()[0] for line in lines[1:5]] == ["1", "3", "5", "10"]
    of_one = here(["power", f"--run={a[0]}", "--points=5"])[1]
    assert of_one.splitlines()[1].startswith("any") and "10.0 over people" in of_one


def test_power_says_what_it_lacks(evaluated, tmp_path):
    a, other = evaluated("a", {"p": 9, "q": 7}), evaluated("other", {"p": 9, "z": 7})
    assert "tested on other images" in refused("power", f"--run={a}", f"--against={other}")
    assert "needs one run for each of the other method's 1; got 2" in refused(
        "power", f"--run={a}", f"--against={a},{other}"
    )
    assert "numbers above 0" in refused("power", f"--run={a}", "--points=-1")
    assert "numbers above 0" in refused("power", f"--run={a}", "--points=nan")
    assert "numbers above" in refused("power", f"--run={a}", "--correlation=nan")
    assert "of both methods" in refused("power", f"--run={a}", f"--against={a}")
    seeded = [evaluated(name, {"p": 9, "q": 7}) for name in "bc"]
    for run in seeded:
        (Path(run) / "config.json").write_text('{"seed": 3}')
    assert "are of one seed, 3" in refused("power", f"--run={','.join(seeded)}")
    table = Path(seeded[0]) / "evaluation" / "predictions.csv"
    table.write_text(table.read_text().replace("p0,p,", "p0,,"))
    assert "no person is known of 1 of 20 images" in refused("power", f"--run={seeded[0]}")
    (tmp_path / "a" / "evaluation" / "predictions.csv").unlink()
    assert "evaluate it first" in refused("power", f"--run={a}")
