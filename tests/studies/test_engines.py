"""Members as processes and as jobs of submitit's local executor: failures are told, pre-empted ones go on."""

import json
import os
import shutil
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from dmljax import config as configuration
from dmljax import writing
from dmljax.studies import engines, process
from dmljax.studies.members import Member
from dmljax.types import UserError

TINY = {
    "dataset.synthetic.identities": 5,
    "data": {"image_size": 24, "tuples_per_step": 1},
    "backbone.resnet": {"stages": (1,), "width": 4},
    "model.fused": 8,
    "train.log_every": "1 steps",
}


def member(folder):
    return Member("dwa", 0, 0, folder, {})


def run(engine, members, logs):
    if engine == "processes":
        return engines.processes(members, jobs=2, progress=False)
    return engines.cluster(
        members, name="local", options={"timeout_min": 5}, logs=logs, jobs=2, progress=False
    )


@pytest.mark.parametrize("engine", ["processes", "cluster"])
def test_what_a_member_said_when_it_failed(engine, tmp_path):
    wrong = [member(tmp_path / name) for name in ("sede", "moddel")]
    for one in wrong:
        one.config_file.write_text(json.dumps({one.folder.name: 1}))
    failed = {f.member.folder.name: f.message for f in run(engine, wrong, tmp_path / "jobs")}
    assert set(failed) == {"sede", "moddel"}
    assert all(f"unknown field '{name}'" in message for name, message in failed.items())


def test_finished_members_are_left_alone(tmp_path):
    (tmp_path / "cost.json").write_text("{}")
    for engine in ("processes", "cluster"):
        assert run(engine, [member(tmp_path)], tmp_path / "jobs") == []


def test_what_a_member_answers_and_what_it_leaves_when_it_cannot():
    answer = '{"message": "no people are left"}\n'
    assert engines._reason("a library's own words\n" + answer, "Traceback\n") == "no people are left"
    assert engines._reason("", "Traceback\nMemoryError\n") == "MemoryError"
    assert engines._reason('{"other": 1}\n[]\n', "killed\n") == "killed" and engines._reason("", "") == ""


def test_a_study_can_be_run_from_any_thread(tmp_path):
    wrong = member(tmp_path / "wrong")
    wrong.config_file.write_text('{"sede": 1}')
    with ThreadPoolExecutor(1) as pool:
        failed = pool.submit(run, "processes", [wrong], tmp_path / "jobs").result()
    assert [f.member for f in failed] == [wrong] and "unknown field 'sede'" in failed[0].message


def test_the_cost_of_a_member_is_that_of_all_its_processes(tmp_path):
    own = process._cost(tmp_path)
    assert own["train_s"] > 0 and own["peak_bytes"] > 2**20
    writing.as_json(tmp_path / process.SO_FAR, {"train_s": 1000.0, "peak_bytes": 2**50})
    both = process._cost(tmp_path)
    assert both["train_s"] >= 1000 + own["train_s"] and both["peak_bytes"] == 2**50


@pytest.mark.slow
def test_a_machine_on_a_descriptor_is_a_member_too(tmp_path):
    made = member(tmp_path / "lbp")._replace(descriptor="lbp")
    configuration.write(configuration.get_config("quick", TINY), made.config_file)
    assert run("processes", [made], tmp_path) == [] and made.finished
    assert json.loads((made.folder / "classical.json").read_text())["descriptor"] == "lbp"
    assert (made.folder / "evaluation" / "tables.md").exists()


def test_several_at_a_time_share_the_cores_out(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {4, 1, 2, 7, 9})
    assert engines.places(2) == [(1, 4, 9), (2, 7)] and engines.places(5) == [(1,), (2,), (4,), (7,), (9,)]
    assert engines.places(1) == [()] and engines.places(6) == [()] * 6


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("slrum", {}, "must be one of slurm, local; got 'slrum'"),
        ("local", {"timeuot_min": 3}, "timeuot_min"),
        ("local", {"gpus_per_node": "many"}, "gpus_per_node"),
        pytest.param(
            "slurm",
            {},
            "srun",
            marks=pytest.mark.skipif(shutil.which("srun") is not None, reason="SLURM is here"),
        ),
    ],
)
def test_mistakes(name, options, told, tmp_path):
    with pytest.raises(UserError, match=told):
        engines.cluster([], name=name, options=options, logs=tmp_path, jobs=1, progress=False)


@pytest.mark.slow
def test_a_pre_empted_job_saves_and_goes_on(tmp_path, monkeypatch):
    import submitit

    monkeypatch.setenv("XLA_FLAGS", "")  # one device
    folder = tmp_path / "dwa"
    executor = submitit.AutoExecutor(folder=tmp_path / "jobs", cluster="local")
    executor.update_parameters(timeout_min=20)
    length = {"train.duration": "3000 steps", "train.save_every": "3000 steps"}
    configuration.write(configuration.get_config("quick", TINY | length), member(folder).config_file)
    handle = executor.submit(engines.Job(member(folder)))
    log, deadline = folder / "train.jsonl", time.monotonic() + 240
    while not (log.exists() and len(log.read_text().splitlines()) > 20):
        assert time.monotonic() < deadline and not handle.done(), handle.results()
        time.sleep(0.2)
    # the job's process below its local controller
    task = int(subprocess.check_output(["pgrep", "-P", handle.job_id], text=True))
    os.kill(task, signal.SIGUSR2)  # what SLURM sends before it takes the machine away
    assert handle.result() == "", handle.stderr()
    steps = [json.loads(line)["step"] for line in log.read_text().splitlines() if "loss/total" in line]
    assert steps == sorted(set(steps)) and steps[-1] == 3000 and member(folder).finished
    assert "Requeued job" in handle.stderr() + handle.stdout() and os.listdir(folder / "checkpoints")
