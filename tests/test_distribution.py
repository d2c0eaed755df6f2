"""What strangers install: wheel and sdist, and what the core does where no extra is installed."""

import email
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
SOURCES = ["dmljax", "configs", "launch", "docs", *(p.name for p in ROOT.iterdir() if p.is_file())]
BUILD = "import sys; from setuptools import build_meta as b; getattr(b, 'build_' + sys.argv[1])(sys.argv[2])"


def run(*command, cwd, **environment):
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, env=os.environ | {"XLA_FLAGS": ""} | environment
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """(sdist, wheel): the sdist of a copy of the sources, the wheel of what the sdist holds."""
    folder = tmp_path_factory.mktemp("distribution")
    (folder / "copy").mkdir()
    for name in SOURCES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / "copy" / name)
    run(sys.executable, "-c", BUILD, "sdist", str(folder), cwd=folder / "copy")
    (sdist,) = folder.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    (unpacked,) = (folder / "unpacked").iterdir()
    run(sys.executable, "-c", BUILD, "wheel", str(folder), cwd=unpacked)
    (wheel,) = folder.glob("*.whl")
    return sdist, wheel


@pytest.fixture(scope="module")
def metadata(built):
    with zipfile.ZipFile(built[1]) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        return email.message_from_bytes(archive.read(name))


@pytest.fixture(scope="module")
def site(built, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run(*pip, "--no-deps", "--no-index", f"--target={folder}", str(built[1]), cwd=folder)
    return folder


def hidden(metadata):
    """Importable names that the core's requirements, and theirs, do not bring."""
    waiting = [Requirement(line) for line in metadata.get_all("Requires-Dist")]
    waiting = [r for r in waiting if not r.marker or r.marker.evaluate({"extra": ""})]
    brought, seen = set(), set()
    while waiting:
        requirement = waiting.pop()
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        for extra in {"", *requirement.extras} - {extra for other, extra in seen if other == name}:
            seen.add((name, extra))
            brought.add(name)
            try:
                lines = importlib.metadata.requires(name) or ()
            except importlib.metadata.PackageNotFoundError:  # of another platform
                continue
            more = [Requirement(line) for line in lines]
            waiting += [r for r in more if not r.marker or r.marker.evaluate({"extra": extra})]
    normal = lambda name: re.sub(r"[-_.]+", "-", name).lower()
    return sorted(
        module
        for module, owners in importlib.metadata.packages_distributions().items()
        if not {normal(owner) for owner in owners} & (brought | {"dmljax"})
    )


HIDE = """
import json, sys
from importlib.machinery import BuiltinImporter, FrozenImporter, PathFinder

hidden, site = set(json.loads(sys.argv.pop(1))), sys.argv.pop(1)


class Visible(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in hidden else super().find_spec(name, path, target)


sys.meta_path[:] = [BuiltinImporter, FrozenImporter, Visible]
sys.path[:0] = [site]
"""

CORE = (
    HIDE
    + """
import contextlib, io, pkgutil

import dmljax

assert dmljax.__file__.startswith(site), dmljax.__file__
assert not {"jax", "numpy", "tensorflow"} & sys.modules.keys()
found = {"modules": [module.name for module in pkgutil.walk_packages(dmljax.__path__, "dmljax.")], "said": {}}

from dmljax.configs import quick
from dmljax.runs.evaluate import evaluate
from dmljax.runs.loop import train
from dmljax.costs.timed import measure

config = quick.get_config()
config.dataset.synthetic.identities = 5
config.data.image_size = 24
config.backbone.resnet.width = 4
config.backbone.resnet.stages = (1,)
config.train.duration = "2 steps"
heard, printed = [], io.StringIO()
small = dict(image=24, batch=10, width=4, stages=["1"], dtype="f32", steps=1, warmup=1)
with contextlib.redirect_stdout(printed):
    assert train(config, "run", progress=False, say=heard.append).signal == 0
    found["people"] = evaluate("run", progress=False).score["people"]
    found["measured"] = measure(mode="train", device="cpu", **small)
found |= {"heard": heard, "printed": printed.getvalue()}

from dmljax import plugins
from dmljax.__main__ import main
from dmljax.types import UserError

for name in ("haar", "dlib", "mtcnn"):
    try:
        plugins.load("detectors", name).build()
    except UserError as error:
        found["said"][name] = str(error)
for command in sys.argv[1:]:
    sys.argv[:] = ["dmljax", *command.split()]
    with contextlib.redirect_stderr(io.StringIO()) as told:
        try:
            main()
        except SystemExit as end:
            assert end.code == 2, (command, end.code)
    found["said"][command] = told.getvalue()
with open("found.json", "w") as file:
    json.dump(found, file)
"""
)

NEEDS = {
    "haar": "detect",
    "dlib": "detect",
    "mtcnn": "detect,tensorflow",
    "report --run=run": "report",
    "audit --run=run": "report",
    "annotate --run=run --set=sfew:films": "report",
    "compare --run=compared": "report",
    "reproduce table8 --run=reproduced": "report",
    "classical lbp --run=machine": "report",
    "train --config.data.feed=tfdata --config.dataset.synthetic.identities=5 --run=other": "tensorflow",
    "prepare quick --out=prepared": "tensorflow",
    "prepare quick --out=prepared --beam": "beam",
    "check strategy.py": "test",
    "demo --run=run --port=0": "demo",
}


@pytest.fixture(scope="module")
def core(site, metadata, tmp_path_factory):
    """What a process found that sees the core's packages alone."""
    folder = tmp_path_factory.mktemp("core")
    commands = [name for name in NEEDS if " " in name]
    run(sys.executable, "-c", CORE, json.dumps(hidden(metadata)), str(site), *commands, cwd=folder)
    assert (folder / "run" / "evaluation" / "metrics.json").exists()
    return json.loads((folder / "found.json").read_text())


def test_what_is_inside(built):
    sdist, wheel = built
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
    packed = {
        f"dmljax/{name}"
        for name in ("py.typed", "configs/quick.py", "launch/cli.py", "guides/weightings.md", "__main__.py")
    }
    assert packed <= inside
    parts = [p for end in ("py", "csv", "css", "html", "mjs") for p in (ROOT / "dmljax").rglob(f"*.{end}")]
    assert {p.relative_to(ROOT).as_posix() for p in parts} <= inside
    assert any(name.endswith("/LICENSE") for name in inside)
    assert not [name for name in inside if name.startswith(("configs/", "launch/", "tests/"))]
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"LICENSE", "README.md", "CHANGELOG.md", "CITATION.cff", "configs/base.py", "setup.py"} <= names


def test_the_metadata(metadata):
    import dmljax

    assert metadata["Version"] == dmljax.__version__ and metadata["License-Expression"] == "Apache-2.0"
    assert metadata.get_payload().startswith("# dmljax")
    extras = set(metadata.get_all("Provides-Extra"))
    assert extras >= {extra for need in NEEDS.values() for extra in need.split(",")} | {"cli", "all"}
    lines = [Requirement(line) for line in metadata.get_all("Requires-Dist")]
    every = {r.name for r in lines if r.marker and r.marker.evaluate({"extra": "all"})}
    assert every >= {r.name for r in lines if r.marker and r.marker.evaluate({"extra": "report"})}


def test_the_core_trains_evaluates_and_measures(core):
    assert {"dmljax.configs.quick", "dmljax.launch.cli", "dmljax.weightings.strategies.dwa"} <= set(
        core["modules"]
    )
    assert len(core["modules"]) == len(set(core["modules"]))
    assert core["heard"][0].startswith("synthetic: 175 images")
    assert core["heard"][1].startswith("first epoch:")
    assert core["measured"]["mode"] == "train" and core["people"] == 1
    assert core["printed"] == ""


def test_a_training_without_tensorboard_says_so_in_one_line(core):
    told = [line for line in core["heard"] if "tensorboard" in line]
    assert told == [
        "no tensorboard: tensorboardX, needed for TensorBoard, is not installed; install dmljax[tensorboard]"
    ]


@pytest.mark.parametrize("what", NEEDS)
def test_a_missing_package_is_one_line_that_names_its_extra(core, what):
    said = core["said"][what].strip()
    assert f"is not installed; install dmljax[{NEEDS[what]}]" in said and "\n" not in said, said


def test_the_command_line_without_its_package(site):
    done = subprocess.run(
        [sys.executable, "-c", HIDE + "import runpy; runpy.run_module('dmljax', run_name='__main__')"]
        + ['["absl"]', str(site)],
        cwd=site,
        capture_output=True,
        text=True,
    )
    assert done.stderr == "dmljax: absl, needed for the command line, is not installed; install dmljax[cli]\n"
    assert done.returncode != 0
