"""Every tracker of the package keeps the contract, and what it was given can be read back."""

import sqlite3
import time

import pytest

from dmljax import plugins
from dmljax.contracts.trackers import *  # noqa: F403
from dmljax.contracts.trackers import CONFIG

KEY = "0123456789abcdef0123456789abcdef"
EXPECTED = {1: 1.0, 2: 1 / 2, 3: 1 / 3, 4: 1 / 4}


# which makes a database, and deprecates parts of itself
SLOW = {"mlflow": [pytest.mark.slow]}
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(params=[pytest.param(n, marks=SLOW.get(n, [])) for n in plugins.names("trackers")])
def name(request):
    return request.param


@pytest.fixture
def plugin(name):
    return plugins.load("trackers", name)


@pytest.fixture
def local(name, tmp_path, monkeypatch):
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    monkeypatch.setenv("WANDB_SILENT", "true")
    return {"wandb": {"mode": "offline"}, "mlflow": {}, "trackio": {}, "tensorboard": {}}[name]


def tracked(name, options, run):
    run.mkdir()
    tracker = plugins.load("trackers", name).build(**options)(run, key=KEY, step=0, config=CONFIG)
    for step in EXPECTED:
        tracker.scalars(step, {"loss/expression": 1.0 / step})
    tracker.close()
    return run


@pytest.mark.slow
def test_mlflow_has_numbers_and_fields(tmp_path):
    from mlflow.tracking import MlflowClient

    run = tracked("mlflow", {"experiment": "faces"}, tmp_path / "run")
    client = MlflowClient(tracking_uri=f"sqlite:///{run / 'mlflow.db'}")
    (found,) = client.search_runs([client.get_experiment_by_name("faces").experiment_id])
    history = client.get_metric_history(found.info.run_id, "loss/expression")
    assert {point.step: point.value for point in history} == pytest.approx(EXPECTED)
    assert found.info.run_name == "run" and found.info.status == "FINISHED"
    assert (
        found.data.params["model.branches"] == "('face', 'eyes')" and len(found.data.params["note"]) == 6000
    )


def test_wandb_writes_what_can_be_sent_later(tmp_path):
    run = tracked("wandb", {"mode": "offline", "project": "faces"}, tmp_path / "run")
    (file,) = run.glob(f"wandb/offline-run-*/run-{KEY}.wandb")
    until = time.monotonic() + 60  # wandb's own service writes, and on a busy machine it ends later
    while b"loss/expression" not in (content := file.read_bytes()) and time.monotonic() < until:
        time.sleep(0.1)
    assert b"loss/expression" in content and b"faces" in content
    with pytest.raises(
        ValueError, match="^mode must be one of online, offline, disabled, or empty; got 'of'"
    ):
        plugins.load("trackers", "wandb").build(mode="of")


def test_trackio_has_numbers(tmp_path, monkeypatch):
    from trackio import sqlite_storage

    monkeypatch.setattr(sqlite_storage, "TRACKIO_DIR", tmp_path)
    tracked("trackio", {"project": "faces"}, tmp_path / "run")
    with sqlite3.connect(tmp_path / "faces.db") as base:
        rows = base.execute("select run_name, step, metrics from metrics").fetchall()
    assert {step for _, step, _ in rows} == set(EXPECTED) and rows[0][0] == f"run-{KEY[:8]}"


def test_tensorboard_has_numbers(tmp_path):
    run = tracked("tensorboard", {}, tmp_path / "run")
    (file,) = (run / "tensorboard").iterdir()
    assert b"loss/expression" in file.read_bytes()
