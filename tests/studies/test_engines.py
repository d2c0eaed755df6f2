"""Members as processes and as jobs of submitit's local executor: what fails is told, what is pre-empted goes
on.
"""

import json
import os
import shutil
import signal
import subprocess
import time

import pytest

from dmljax.studies import engines
from dmljax.studies.members import Member
from dmljax.types import UserError

TINY = [
    "--config=quick",
    "--config.dataset.synthetic.identities=5",
    "--config.data.image_size=24",
    "--config.backbone.resnet.stages=(1,)",
    "--config.backbone.resnet.width=4",
    "--config.data.tuples_per_step=1",
    "--config.model.fused=8",
    "--config.train.log_every=1 steps",
]


def member(folder, *arguments):
    return Member("dwa", 0, 0, folder, arguments)


def run(engine, members, arguments, logs):
    if engine == "processes":
        return engines.processes(members, arguments, jobs=2, progress=False)
    return engines.cluster(
        members, arguments, name="local", options=["timeout_min=5"], logs=logs, jobs=2, progress=False
    )


@pytest.mark.parametrize("engine", ["processes", "cluster"])
def test_what_a_member_said_when_it_failed(engine, tmp_path):
    wrong = [member(tmp_path / name, f"--config.{name}=1") for name in ("sede", "moddel")]
    failed = dict(
        (m.folder.name, said) for m, said in run(engine, wrong, ["--config=quick"], tmp_path / "jobs")
    )
    assert set(failed) == {"sede", "moddel"}
    assert all(
        "unknown or wrong configuration field" in said and name in said for name, said in failed.items()
    )


def test_finished_members_are_left_alone(tmp_path):
    (tmp_path / "cost.json").write_text("{}")
    for engine in ("processes", "cluster"):
        assert (
            run(engine, [member(tmp_path, "--config.nonsense=1")], ["--config=quick"], tmp_path / "jobs")
            == []
        )


def test_several_at_a_time_share_the_cores_out(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {4, 1, 2, 7, 9})
    assert engines._places(2) == [(1, 4, 9), (2, 7)] and engines._places(5) == [(1,), (2,), (4,), (7,), (9,)]
    assert engines._places(1) == [()] and engines._places(6) == [()] * 6


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("slrum", [], "must be one of slurm, local; got 'slrum'"),
        ("local", ["timeout_min"], "key=value"),
        ("local", ["timeuot_min=3"], "timeuot_min"),
        ("local", ["gpus_per_node=many"], "gpus_per_node"),
        pytest.param(
            "slurm",
            [],
            "srun",
            marks=pytest.mark.skipif(shutil.which("srun") is not None, reason="SLURM is here"),
        ),
    ],
)
def test_mistakes(name, options, told, tmp_path):
    with pytest.raises(UserError, match=told):
        engines.cluster([], [], name=name, options=options, logs=tmp_path, jobs=1, progress=False)


@pytest.mark.slow
def test_a_pre_empted_job_saves_and_goes_on(tmp_path, monkeypatch):
    import submitit

    monkeypatch.setenv("XLA_FLAGS", "")  # one device
    folder = tmp_path / "dwa"
    executor = submitit.AutoExecutor(folder=tmp_path / "jobs", cluster="local")
    executor.update_parameters(timeout_min=20)
    handle = executor.submit(
        engines.Job(
            member(folder),
            [*TINY, "--config.train.duration=3000 steps", "--config.train.save_every=3000 steps"],
        )
    )
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
