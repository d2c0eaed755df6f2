import json
import os
import signal
import sys
from functools import partial
from types import SimpleNamespace

import pytest
from dmljax.configs import quick
from tqdm import tqdm

from dmljax import config, config_differences, config_sources, plugins, workers
from dmljax.fields import flatten
from dmljax.types import UserError


def test_the_folder_is_the_registry():
    assert {"cmu_faces", "folder", "synthetic"} <= set(plugins.names("datasets"))
    assert {"equal", "fixed", "dwa"} <= set(plugins.names("weightings")) and "resnet" in plugins.names(
        "backbones"
    )
    assert plugins.load("weightings", "dwa").__name__ == "dmljax.weightings.strategies.dwa"


@pytest.mark.parametrize("family", plugins.FAMILIES)
def test_every_plug_in_has_the_agreed_names_and_plain_fields(family):
    for name in plugins.names(family):
        plugin = plugins.load(family, name)
        assert all(hasattr(plugin, agreed) for agreed in plugins.FAMILIES[family]), name
        json.dumps(plugins.defaults(family, name))


def test_fields_are_the_signature_s():
    assert plugins.defaults("weightings", "cagrad") == {"c": 0.5, "rescale": False}
    assert plugins.defaults("datasets", "kdef") == {"sessions": "both", "links": "follow"}
    assert plugins.defaults("backbones", "densenet").keys() == {
        *("depth", "growth", "width", "blocks", "stem", "convolution", "momentum")
    }  # and not those that the network gives
    assert plugins.defaults("experiments", "ablation") == {}
    weights = {"expression": 1.0, "pose": 1.0, "triplet": 1.0, "angles": 1.0}
    assert plugins.defaults("weightings", "fixed") == weights
    made = quick.get_config().weighting
    assert made.fixed.to_dict() == weights
    assert made.single.task == ""  # the first


STRATEGY = """
import jax.numpy as jnp
from dmljax.weightings import Weighting

def build(*, power: float = 1.0, kind: str = "a"):
    return Weighting(lambda tasks: (), lambda s, h: (jnp.where(s.active, power, 0.0), h, {}))
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A user's folder with one strategy; what is given in a test is forgotten after it."""
    for name in ("_given", "_remembered", "_lost"):
        monkeypatch.setattr(plugins, name, [])
    monkeypatch.delenv(plugins.VARIABLE, raising=False)
    return write(tmp_path / "mine", "weightings", "record", STRATEGY)


def write(folder, family, name, text):
    (folder / family).mkdir(parents=True, exist_ok=True)
    (folder / family / f"{name}.py").write_text(text)
    return folder


def test_a_folder_of_one_s_own(folder, tmp_path):
    before = list(sys.path)
    plugins.add_folder(folder)
    plugins.add_folder(str(folder))
    assert "record" in plugins.names("weightings") and "record" not in plugins.names("backbones")
    assert plugins.defaults("weightings", "record") == {"power": 1.0, "kind": "a"}
    assert plugins.load("weightings", "record") is plugins.load("weightings", "record")
    made = quick.get_config()
    assert made.weighting.record.power == 1.0 and made.plugins == (str(folder),)
    assert sys.path == before
    write(folder, "weightings", "_helper", "raise ValueError")
    assert "_helper" not in plugins.names("weightings")


@pytest.mark.parametrize("separator", [",", os.pathsep])
def test_folders_of_the_environment(folder, tmp_path, monkeypatch, separator):
    other = write(tmp_path / "other", "backbones", "tiny", "def build(*, dtype=None, width: int = 3): ...")
    monkeypatch.setenv(plugins.VARIABLE, f"{folder}{separator}{other}")
    assert "record" in plugins.names("weightings")
    assert plugins.defaults("backbones", "tiny") == {"width": 3}
    assert plugins.folders() == (str(folder), str(other))


def test_an_installed_package(folder, monkeypatch):
    point = SimpleNamespace(
        name="outside",
        value="package.outside",
        dist=SimpleNamespace(name="package"),
        load=lambda: plugins.load_file(folder / "weightings" / "record.py", "weightings"),
    )
    monkeypatch.setattr(plugins, "_entry_points", lambda family: (point,) if family == "weightings" else ())
    assert plugins.defaults("weightings", "outside") == {"power": 1.0, "kind": "a"}
    point.load = lambda: STRATEGY
    with pytest.raises(UserError, match="package.outside of the package package must be a module"):
        plugins.load("weightings", "outside")
    point.name = "dwa"
    with pytest.raises(UserError, match="'dwa' exists twice .*dwa.py and package.outside of the package"):
        plugins.names("weightings")


def test_a_name_that_exists_twice_names_both_places(folder, tmp_path):
    other = write(tmp_path / "other", "weightings", "record", STRATEGY)
    plugins.add_folder(folder)
    plugins.add_folder(other)
    both = f"{folder}/weightings/record.py and {other}/weightings/record.py"
    with pytest.raises(UserError, match=f"'record' exists twice among the weightings: {both}"):
        plugins.names("weightings")
    write(tmp_path / "third", "datasets", "kdef", "def samples(root): ...")
    plugins.add_folder(tmp_path / "third")
    with pytest.raises(UserError, match="'kdef' exists twice among the datasets: .*datasets/kdef.py and"):
        plugins.load("datasets", "kdef")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x = 1\ny = unknown\n", "record.py, line 2: NameError: name 'unknown' is not defined"),
        ("def build(:\n", "record.py, line 1: SyntaxError: "),
        ("import a_package_that_is_not_there\n", "record.py, line 1: ModuleNotFoundError: No module named"),
        ("raise SystemExit(3)\n", "record.py, line 1: SystemExit: 3"),
        ("def bild(): ...\n", "record.py lacks build; every file of weightings has build"),
        ("def build(power=1.0): ...\n", "'power' must be keyword-only and have a default"),
        ("def build(*, power): ...\n", "'power' must be keyword-only and have a default"),
        ("def build(*, power=len): ...\n", "'power' must have a number, text, truth value or tuple"),
    ],
)
def test_a_wrong_file_is_told_in_one_line(folder, text, told):
    write(folder, "weightings", "record", text)
    plugins.add_folder(folder)
    for _ in range(2):  # a failed import leaves nothing behind
        with pytest.raises(UserError) as error:
            plugins.defaults("weightings", "record")
        assert told in str(error.value) and str(folder) in str(error.value)
        assert "\n" not in str(error.value)


def test_wrong_folders_are_told(folder, tmp_path, monkeypatch):
    with pytest.raises(UserError, match="no plug-in folder at '/nowhere'; expected FOLDER/<family>/NAME.py"):
        plugins.add_folder("/nowhere")
    with pytest.raises(UserError, match=f"'{folder}/weightings' is no .* Give the folder above, '{folder}'"):
        plugins.add_folder(folder / "weightings")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="is no plug-in folder; .* experiments; it holds nothing"):
        plugins.add_folder(tmp_path / "empty")
    monkeypatch.setenv(plugins.VARIABLE, "/nowhere")
    with pytest.raises(UserError, match="DMLJAX_PLUGINS: no plug-in folder"):
        plugins.names("weightings")
    monkeypatch.delenv(plugins.VARIABLE)
    write(folder, "weightings", "my-record", STRATEGY)
    plugins.add_folder(folder)
    with pytest.raises(UserError, match="my-record.py' names a field: letters, digits and underscores"):
        plugins.names("weightings")


def test_a_plug_in_cannot_have_the_name_of_a_field(folder):
    plugins.add_folder(write(folder, "weightings", "gram", STRATEGY))
    with pytest.raises(UserError, match="'gram' cannot be the name of one of the weightings: .*gram.py"):
        quick.get_config()


def test_a_run_remembers_its_folders(folder, tmp_path, monkeypatch):
    plugins.add_folder(folder)
    made = quick.get_config()
    made.weighting.name, made.weighting.record.power = "record", 3.0
    (tmp_path / "config.json").write_text(json.dumps(config.trimmed(made)))
    monkeypatch.setattr(plugins, "_given", [])
    with pytest.raises(UserError, match="no 'record' among the weightings"):
        plugins.load("weightings", "record")
    again = config.read(tmp_path)
    assert again.weighting.record.power == 3.0 and plugins.load("weightings", "record").build
    # a folder that is given now comes first
    moved = write(tmp_path / "moved", "weightings", "record", STRATEGY)
    plugins.add_folder(moved)
    assert plugins.load("weightings", "record").__file__ == f"{moved}/weightings/record.py"
    # and may differ when the run goes on
    assert (
        config_differences.differences(config.trimmed(made), config.trimmed(made) | {"plugins": [str(moved)]})
        == []
    )


def test_a_run_whose_folder_is_gone_says_so(folder, tmp_path, monkeypatch):
    plugins.add_folder(folder)
    made = quick.get_config()
    made.weighting.name = "record"
    saved = config.trimmed(made) | {"plugins": [str(tmp_path / "gone")]}
    (tmp_path / "config.json").write_text(json.dumps(saved))
    monkeypatch.setattr(plugins, "_given", [])
    with pytest.raises(
        UserError,
        match=f"config.json' cannot be used: .*no 'record' .* No longer there: {tmp_path}/gone; give",
    ):
        config.read(tmp_path)


def note(item, report):
    """What a worker does: the plug-in's own function, by its name in the plug-in's module."""
    item()
    report(1)


def test_a_worker_finds_a_plug_in_s_functions(folder, tmp_path):
    write(
        folder,
        "datasets",
        "drawn",
        "from pathlib import Path\ndef samples(root): ...\ndef draw(path): Path(path).write_text('drawn')\n",
    )
    plugins.add_folder(folder)
    draw = plugins.load("datasets", "drawn").draw
    items = [partial(draw, str(tmp_path / f"{k}.txt")) for k in range(4)]
    with tqdm(total=4, disable=True) as bar:
        workers.each(note, items, bar, workers=2, doing="drawing")
    assert [(tmp_path / f"{k}.txt").read_text() for k in range(4)] == ["drawn"] * 4


def refuse(item, report):
    raise UserError(f"the set has no {item}")


def divide(item, report):
    item / 0


def kill(item, report):
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize(
    ("do", "said"),
    [
        (refuse, "drawing failed: the set has no 1"),
        (divide, "drawing failed: ZeroDivisionError: division by zero"),
        (kill, "drawing failed: exit code -9"),
    ],
)
def test_why_a_worker_failed(do, said):
    with tqdm(total=2, disable=True) as bar, pytest.raises(UserError) as error:
        workers.each(do, [1, 1], bar, workers=2, doing="drawing")
    assert str(error.value) == said


def test_unknown_names():
    with pytest.raises(UserError, match="Did you mean 'dwa'"):
        plugins.load("weightings", "dwaa")
    with pytest.raises(UserError, match=f"there are {', '.join(plugins.FAMILIES)}"):
        plugins.names("losses")


@pytest.mark.parametrize("name", config_sources.named())
@pytest.mark.parametrize("preset", ["safe", "paper"])
def test_every_configuration_loads_is_locked_and_round_trips(name, preset, tmp_path):
    import importlib
    import json

    made = importlib.import_module(f"dmljax.configs.{name}").get_config(preset)
    with pytest.raises((AttributeError, KeyError)):
        made.trian = 1
    (tmp_path / "config.json").write_text(json.dumps(config.trimmed(made)))
    again = config.read(tmp_path)
    assert config_differences.differences(again.to_dict(), config.trimmed(made)) == []


def test_the_presets_differ_only_where_the_paper_cannot_be_taken_literally():
    from dmljax.configs import base

    safe, paper = (flatten(config.trimmed(base.get_config(p))) for p in ("safe", "paper"))
    assert {k for k in safe if safe[k] != paper[k]} == {
        "preset",
        "losses.link",
        "losses.normalise",
        "losses.reduction",
        "weighting.dwa.literal",
        "ema.warmup",
    }


def test_a_run_of_a_version_without_a_field_has_its_default(tmp_path):
    saved = config.trimmed(quick.get_config())
    del saved["crop"], saved["split"]["stratify"], saved["dataset"]["train"]
    (tmp_path / "config.json").write_text(json.dumps(saved))
    again = config.read(tmp_path)
    assert (
        again.crop.rule == "set"
        and again.split.stratify
        and again.dataset.train == ""
        and again.data.image_size == 48
    )
    for text, told in (("{", "cannot be read"), ("[]", "must hold a JSON object")):
        (tmp_path / "config.json").write_text(text)
        with pytest.raises(UserError, match=told):
            config.read(tmp_path)
