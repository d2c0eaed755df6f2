"""A set, a backbone and a strategy from a user's own folder: trained, continued, evaluated; mistakes told."""

import json
import subprocess
import sys

import jax.numpy as jnp
import pytest
from dmljax.configs import quick

from dmljax import plugins, weightings
from dmljax.contracts import check
from dmljax.data.sampling import Wanted
from dmljax.datasets import synthetic
from dmljax.studies import reproduce
from dmljax.types import UserError
from tests.test_cli import TINY, dmljax, here, refused
from tests.weightings.test_guide import saved

SET = '''
"""Stripes whose direction is the expression."""
from pathlib import Path

import numpy as np

from dmljax.types import Samples, UserError


def samples(root, *, people: int = 6):
    """The set of a folder with the file `stripes`."""
    if not (Path(root) / "stripes").is_file():
        raise UserError(f"stripes: nothing in '{root}'")
    expression, pose, person = np.indices((2, 2, people), np.int32).reshape(3, -1)
    rows = dict(zip(map(str, range(len(person))), zip(expression, pose, person)))
    return Samples(
        "stripes", tuple(rows), expression, pose, person, ("across", "down"), ("left", "right"),
        tuple(f"p{k}" for k in range(people)), (-45.0, 45.0), (1, 0), lambda name: draw(*rows[name]),
    )


def draw(expression, pose, person):
    grey = np.broadcast_to(100 + 80 * np.sin(np.arange(32) * (0.5 + person / 20)), (32, 32))
    return (np.stack([grey.T if expression else grey] * 3, -1) / (1 + pose)).astype(np.uint8)


def write_fixture(root):
    (Path(root) / "stripes").write_text("")
'''


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("plugins")
    saved("weightings.md", "# A weighting strategy of your own", made / "weightings" / "record.py")
    saved("plugins.md", "## Backbones", made / "backbones" / "tiny.py")
    saved("plugins.md", "## Optimizers", made / "optimizers" / "radam.py")
    saved("plugins.md", "## Augmentations", made / "augmentations" / "noise.py")
    saved("plugins.md", "## Samplers", made / "samplers" / "by_pose.py")
    (made / "datasets").mkdir()
    (made / "datasets" / "stripes.py").write_text(SET)
    return made


def test_the_guide_s_sampler_keeps_the_contract_and_does_what_it_says(folder):
    plugin = plugins.load_file(folder / "samplers" / "by_pose.py", "samplers")
    assert plugins.defaults_of("samplers", plugin) == {"shuffled": True}
    assert [one.outcome for one in check.check(folder / "samplers" / "by_pose.py")] == ["passed"] * 4
    samples = synthetic.samples(identities=6)
    rows = plugin.build(samples, Wanted(batch_size=8)).draw(0)
    assert len(rows) == 5 * (42 // 8) and all(len(set(samples.pose[row].tolist())) == 1 for row in rows)


def test_the_set_keeps_the_contract(folder, tmp_path):
    from dmljax.contracts import datasets

    plugin = plugins.load_file(folder / "datasets" / "stripes.py", "datasets")
    plugin.write_fixture(tmp_path)
    samples = plugin.samples(tmp_path)
    datasets.test_labels_fit_their_names(samples)
    datasets.test_mirror_is_an_involution_that_negates_the_yaw(samples)
    datasets.test_an_image_is_read_as_bytes_or_as_an_array(samples)
    datasets.test_images_can_be_read_and_are_the_same_every_time(samples)


@pytest.mark.parametrize("name", ["optimizers/radam.py", "augmentations/noise.py"])
def test_the_guide_s_parts_of_a_recipe_keep_their_contracts(folder, name):
    checks = check.check(folder / name)
    assert len(checks) > 1 and {one.outcome for one in checks} == {check.PASSED}, checks


@pytest.mark.slow
def test_trained_continued_and_evaluated(folder, tmp_path):
    """The run finds its plug-ins again, also where their folder was moved."""
    (tmp_path / "stripes").write_text("")
    run = tmp_path / "run"
    train = [
        "train",
        "--config=manifest",
        *(argument for argument in TINY if "resnet" not in argument),
        "--config.dataset.name=stripes",
        f"--config.dataset.root={tmp_path}",
        "--config.dataset.stripes.people=4",
        "--config.backbone.name=tiny",
        "--config.backbone.tiny.width=4",
        "--config.weighting.name=record",
        "--config.weighting.record.power=2.0",
        "--config.optimizer.name=radam",
        "--config.augment.chain=('noise',)",
        "--config.split.folds=2",
        f"--run={run}",
    ]
    done = dmljax(*train, f"--plugins={folder}")
    assert done.returncode == 0 and "stripes: 16 images" in done.stdout, done.stderr
    kept = json.loads((run / "config.json").read_text())
    assert kept["plugins"] == [str(folder)] and kept["weighting"]["record"] == {"power": 2.0}
    done = dmljax("evaluate", f"--run={run}", "--noprogress")
    assert done.returncode == 0 and "expression accuracy" in done.stdout, done.stderr
    moved = folder.rename(tmp_path / "moved")
    try:
        assert f"No longer there: {folder}; give the new folder" in refused("evaluate", f"--run={run}")
        done = dmljax(*train, "--config.train.duration=4 steps", DMLJAX_PLUGINS=str(moved))
        assert done.returncode == 0 and "continuing at step 2" in done.stdout, done.stderr
        assert dmljax("evaluate", f"--run={run}", f"--plugins={moved}", "--noprogress").returncode == 0
    finally:
        moved.rename(folder)


DEFECTIVE = pytest.mark.filterwarnings("default::dmljax.plugins.Defective")


@DEFECTIVE
@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("broken", "import jax\n\ndef build(:\n", "weightings/broken.py, line 3: SyntaxError"),
        ("nameless", "def bild(): ...\n", "weightings/nameless.py lacks build; every file of weightings has"),
        ("open", "def build(power=1): ...\n", "open.py: the parameter 'power' must be keyword-only"),
        ("dwa", "def build(): ...\n", "'dwa' exists twice among the weightings:"),
        ("gram", "def build(): ...\n", "'gram' cannot be the name of one of the weightings"),
        ("a-b", "", "a-b.py' names a field: letters, digits and underscores only; rename it"),
    ],
)
def test_a_wrong_file_is_told_in_one_line(tmp_path, name, text, told):
    (tmp_path / "weightings").mkdir()
    (tmp_path / "weightings" / f"{name}.py").write_text(text)
    line = refused(
        "train",
        "--config=quick",
        f"--config.weighting.name={name}",
        f"--run={tmp_path / 'run'}",
        f"--plugins={tmp_path}",
    )
    assert line.startswith("dmljax train: ") and told in line and "Traceback" not in line
    assert not (tmp_path / "run").exists()


@DEFECTIVE
def test_a_defective_file_stops_only_what_uses_it(tmp_path):
    for family, text in (("weightings", "import lost\n"), ("experiments", "TITLE = 'One'\n")):
        (tmp_path / family).mkdir()
        (tmp_path / family / "half.py").write_text(text)
    code, output, error = here(["fields", "train.pa", f"--plugins={tmp_path}"])
    assert code == 0 and output.startswith("train.patience")
    (line,) = error.splitlines()
    assert line.startswith("dmljax fields: warning: half cannot be used: ")
    assert f"{tmp_path}/weightings/half.py, line 1: ModuleNotFoundError: No module named 'lost'" in line
    with pytest.warns(plugins.Defective, match="half.py lacks ITEMS, members, show"):
        assert "table2" in reproduce.items()
    assert "half" in plugins.names("experiments")
    with pytest.raises(UserError, match="half.py lacks ITEMS"):
        plugins.load("experiments", "half")


def test_wrong_folders_are_told(tmp_path):
    line = refused("train", f"--plugins={tmp_path}")
    assert f"'{tmp_path}' is no plug-in folder; expected FOLDER/<family>/NAME.py" in line
    assert "DMLJAX_PLUGINS: no plug-in folder at '/nowhere'" in refused("train", DMLJAX_PLUGINS="/nowhere")
    assert "given as --plugins=FOLDER" in refused("train", "--config.plugins=('x',)")


PACKAGE = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "outside"
version = "1.0"

[project.entry-points."dmljax.weightings"]
by_power = "outside.by_power"
"""
STRATEGY = """
import jax.numpy as jnp
from dmljax.weightings import Weighting

def build(*, power: float = 2.0):
    return Weighting(lambda tasks: (), lambda s, h: (jnp.where(s.active, s.losses**power, 0.0), h, {}))
"""


def test_a_strategy_of_an_installed_package(tmp_path, monkeypatch):
    """Built, installed into a folder and found by its entry point."""
    package = tmp_path / "package" / "outside"
    package.mkdir(parents=True)
    (package.parent / "pyproject.toml").write_text(PACKAGE)
    (package / "__init__.py").write_text("")
    (package / "by_power.py").write_text(STRATEGY)
    site = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    alone = ["--no-deps", "--no-index", "--no-build-isolation", f"--target={site}"]
    subprocess.run([*pip, *alone, str(package.parent)], check=True, capture_output=True)
    monkeypatch.syspath_prepend(site)
    monkeypatch.setattr(plugins, "_entry_points", plugins._entry_points.__wrapped__)  # not those of before
    assert plugins.load("weightings", "by_power").__file__ == str(site / "outside" / "by_power.py")
    assert quick.get_config().weighting.by_power.power == 2.0
    strategy = weightings.by_power(power=3.0)
    signals = weightings.Signals(jnp.array([1.0, 2.0]))
    assert strategy.update(signals, strategy.init(("a", "b")))[0].tolist() == [1.0, 8.0]
