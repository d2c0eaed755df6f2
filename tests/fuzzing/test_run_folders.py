"""Damaged run folders: what they gave before, or an error in one line."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dmljax
from dmljax import config as configuration
from dmljax import run_folder
from dmljax.runs import page
from dmljax.training import quiet
from dmljax.types import UserError
from tests.fuzzing.damage import bounded, damaged, in_one_line, within
from tests.runs.tiny import TINY

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("standard_promotion", "quickly"),
    # orbax's threads may speak of a failed read later than these tests wait for them (quiet.SETTLE_S)
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SMALL = TINY | {"train.log_every": "1 steps"}
IMAGES = np.random.default_rng(0).integers(0, 256, (3, 30, 30, 3)).astype(np.uint8)


def trained(run: Path, **changes) -> list[str]:
    """What a training says."""
    said: list[str] = []
    dmljax.train(configuration.get_config("quick", SMALL | changes), run, progress=False, say=said.append)
    return said


def made(run: Path, seed: int) -> Path:
    """A run of two steps with its evaluation and its page."""
    trained(run, seed=seed)
    dmljax.evaluate(run, progress=False)
    page.write(run, features=False, progress=False)
    return run


@pytest.fixture(scope="module")
def runs(tmp_path_factory, standard_promotion):
    """Two runs of other seeds, so that other people test."""
    base = tmp_path_factory.mktemp("runs")
    return made(base / "one" / "run", 0), made(base / "other" / "run", 1)


@pytest.fixture(scope="module")
def quickly():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quiet, "SETTLE_S", 0.0)
        patch.setattr(quiet, "LATE_S", 0.0)
        yield


def predicted(run: Path):
    found = dmljax.load(run).predict(IMAGES)
    return [found.expression.tolist(), found.pose.tolist(), found.yaw.tolist(), found.embedding.tolist()]


def evaluated(run: Path):
    return dict(dmljax.evaluate(run, progress=False))


def continued(run: Path):
    """What says in a finished run which it is."""
    trained(run)
    return [json.loads((run / name).read_text()) for name in ("split.json", "classes.json")]


def prolonged(run: Path):
    """The same, and the log, of a run that goes on for a step."""
    for line in trained(run, **{"train.duration": "3 steps"}):
        if "what the run had logged until" in line:
            raise UserError(line)
    return [*continued(run), [line[run_folder.TOTAL] for line in run_folder.log(run)]]


def shown(run: Path):
    """The page's tables and faces, and the evaluation beside it."""
    text = page.write(run, features=False, progress=False).read_text()
    evaluation = run / run_folder.EVALUATION
    tables = re.findall("<table>.*?</table>|<figure>.*?</figure>", text)
    return tables, run_folder.score(evaluation), json.loads((evaluation / run_folder.HARDEST).read_text())


@pytest.fixture(scope="module")
def before(runs, tmp_path_factory):
    """What each use gives of the first run while it is whole."""
    copy = shutil.copytree(runs[0], tmp_path_factory.mktemp("before") / "run")
    return {use: repr(use(copy)) for use in (predicted, evaluated, continued, shown, prolonged)}


def check(run: Path, before: dict, *uses) -> list:
    """That each use gives what it gave before, or an error; returns the errors."""
    told = []
    for use in uses:
        with within(120):
            try:
                found = use(run)
            except UserError as error:
                told.append(in_one_line(error))
            else:
                assert repr(found) == before[use], use.__name__
    return told


DAMAGES = {
    "cut": lambda path, other: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "empty": lambda path, other: path.write_bytes(b""),
    "an empty object": lambda path, other: path.write_bytes(b"{}"),
    "gone": lambda path, other: path.unlink(),
    "a folder": lambda path, other: (path.unlink(), path.mkdir()),
    "another run's": lambda path, other: path.write_bytes(other.read_bytes()),
}
METRICS, PREDICTIONS = "evaluation/metrics.json", "evaluation/predictions.csv"
# who reads each file of a run
READERS = {
    "config.json": (predicted, evaluated, shown, continued),
    "split.json": (evaluated, continued),
    "classes.json": (predicted, evaluated, continued),
    "versions.json": (shown, continued),
    METRICS: (shown,),
    PREDICTIONS: (shown,),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", READERS)
def test_a_damaged_file(runs, before, tmp_path, name, damage):
    run = shutil.copytree(runs[0], tmp_path / "run")
    DAMAGES[damage](run / name, runs[1] / name)
    told = check(run, before, *READERS[name])
    if name == "config.json":
        assert len(told) >= 3, "it says what the network is"
    if name in ("split.json", "classes.json") and damage != "a folder":
        assert check(run, before, *READERS[name]) == [], "continuing does not write it again"


@pytest.mark.parametrize("damage", ["cut", "gone", "another run's"])
def test_a_damaged_log(runs, before, tmp_path, damage):
    run = shutil.copytree(runs[0], tmp_path / "run")
    log = run / run_folder.LOG
    DAMAGES[damage](log, runs[1] / run_folder.LOG)
    assert len(check(run, before, evaluated, shown, prolonged)) == 1


@bounded(25)
@given(st.data())
def test_other_bits_in_a_file(runs, before, tmp_path_factory, data):
    run = shutil.copytree(runs[0], tmp_path_factory.mktemp("bits") / "run")
    name = data.draw(st.sampled_from([*READERS, run_folder.LOG]))
    content = (run / name).read_bytes()
    (run / name).write_bytes(
        data.draw(damaged(content, ((runs[1] / name).read_bytes(), b"[]", b"\xff\xfe{\0")))
    )
    use = data.draw(st.sampled_from(READERS.get(name, (shown,))))
    check(run, before, use)
    shutil.rmtree(run)


@bounded(20)
@given(st.data())
def test_a_damaged_checkpoint_is_not_loaded(runs, before, tmp_path_factory, data):
    run = shutil.copytree(runs[0], tmp_path_factory.mktemp("checkpoint") / "run")
    files = sorted(path.relative_to(run) for path in (run / "checkpoints/last").rglob("*") if path.is_file())
    name = data.draw(st.sampled_from(files))
    others = [path for path in (runs[1] / name).parent.glob("*") if path.is_file()] or [run / "config.json"]
    damage = data.draw(st.sampled_from([*DAMAGES, "bits"]))
    if damage == "bits":
        (run / name).write_bytes(data.draw(damaged((run / name).read_bytes())))
    else:
        DAMAGES[damage](run / name, data.draw(st.sampled_from(others)))
    check(run, before, predicted)
    shutil.rmtree(run)


def test_another_run_s_checkpoints(runs, before, tmp_path):
    run = shutil.copytree(runs[0], tmp_path / "run")
    shutil.rmtree(run / "checkpoints")
    shutil.copytree(runs[1] / "checkpoints", run / "checkpoints")
    told = check(run, before, predicted, evaluated, continued)
    assert len(told) == 3 and all("seed" in text for text in told)
