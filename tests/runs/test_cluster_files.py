"""The files in examples/clusters, run by stand-ins for what clusters bring."""

import os
import shlex
import subprocess
import sys

import pytest
import yaml
from dmljax.launch import cli, train

from tests.runs.test_processes import free_port
from tests.runs.test_resume import ROOT, SMALL, parameters, steps_logged

FOLDER = ROOT / "examples" / "clusters"
# Starts as many processes as SRUN_TASKS says, each with the variables that srun sets, and ends as the worst.
SRUN = """#!/usr/bin/env bash
export SLURM_JOB_ID=$JOB SLURM_STEP_NODELIST=localhost SLURM_NTASKS=$SRUN_TASKS
for k in $(seq 0 $((SRUN_TASKS - 1))); do
  SLURM_PROCID=$k SLURM_LOCALID=$k "$@" &
  tasks="$tasks $!"
done
for task in $tasks; do wait $task || code=$?; done
exit ${code:-0}
"""
DMLJAX = f"""#!/usr/bin/env bash
cd {ROOT} && exec {sys.executable} -m launch."$1" "${{@:2}}"
"""
SAYS = '#!/usr/bin/env bash\necho "$0" "$@"; exit ${CODE:-0}\n'


@pytest.fixture
def on_path(tmp_path, monkeypatch):
    """on_path(name, text): a program of that name, which comes before all others."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'programs'}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "programs").mkdir()

    def made(name, text):
        (tmp_path / "programs" / name).write_text(text)
        (tmp_path / "programs" / name).chmod(0o755)

    return made


def sbatch(*flags, **environment):
    return subprocess.run(
        ["bash", FOLDER / "slurm.sbatch", *flags],
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )


def check_flags(arguments):
    """Fails where a command line of `dmljax train` has a flag that is not known, or a wrong value."""
    command, *flags = arguments
    assert command == "train"
    with pytest.raises(SystemExit) as ended:
        cli.run(command, "", "", train.define, lambda values: None, flags)
    assert ended.value.code == 0


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_two_tasks_of_slurm_are_one_run(tmp_path, on_path):
    """By what srun tells them alone; and stopped by its signal, the job comes back into the queue."""
    on_path("srun", SRUN)
    on_path("dmljax", DMLJAX)
    job = str(free_port())  # its number makes the port
    environment = {"JOB": job, "SRUN_TASKS": "2", "XLA_FLAGS": ""}
    done = sbatch(*SMALL, "--config.train.duration=9 steps", f"--run={tmp_path / 'run'}", **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "process 1 of 2 by SLURM" in done.stdout and steps_logged(tmp_path / "run")[-1] == 9
    assert parameters(tmp_path / "run")[0] == 9


def test_a_job_that_was_stopped_by_its_signal_comes_back(on_path):
    on_path("srun", SAYS)
    on_path("scontrol", SAYS)
    done = sbatch("--run=runs/a", SLURM_JOB_ID="17")
    assert done.returncode == 0 and "srun dmljax train --run=runs/a\n" in done.stdout
    assert "scontrol" not in done.stdout
    on_path("srun", SAYS.replace("${CODE:-0}", "140"))  # 128 + SIGUSR2
    done = sbatch("--run=runs/a", SLURM_JOB_ID="17")
    assert done.returncode == 140 and "scontrol requeue 17\n" in done.stdout


def test_skypilots_machines_know_each_other(on_path):
    on_path("dmljax", SAYS)
    task = yaml.safe_load((FOLDER / "skypilot.yaml").read_text())
    machine = {
        "SKYPILOT_NODE_IPS": "10.0.0.5\n10.0.0.6",
        "SKYPILOT_NUM_NODES": "2",
        "SKYPILOT_NODE_RANK": "1",
    }
    done = subprocess.run(
        ["bash", "-c", task["run"]], env=os.environ | machine, capture_output=True, text=True, check=True
    )
    arguments = shlex.split(done.stdout)[1:]
    assert arguments[-3:] == ["--coordinator=10.0.0.5:8476", "--processes=2", "--process=1"]
    check_flags(arguments)


def test_kubernetes_starts_what_dmljax_understands():
    documents = list(yaml.safe_load_all((FOLDER / "jobset.yaml").read_text()))
    (jobs,) = next(one for one in documents if one["kind"] == "JobSet")["spec"]["replicatedJobs"]
    job = jobs["template"]["spec"]
    assert job["completionMode"] == "Indexed" and job["parallelism"] == job["completions"]
    pod = job["template"]["spec"]
    names = {one["metadata"]["name"] for one in documents if one["kind"] == "ServiceAccount"}
    assert pod["serviceAccountName"] in names
    program, *arguments = pod["containers"][0]["command"]
    assert program == "dmljax"
    check_flags(arguments)
