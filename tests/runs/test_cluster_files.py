"""The files in examples/clusters: their fields, and runs by stand-ins for what clusters bring."""

import functools
import itertools
import json
import operator
import os
import shlex
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml
from dmljax.launch import cli, train

from tests.runs.test_processes import free_port
from tests.runs.test_resume import ROOT, SMALL, parameters, steps_logged

FOLDER = ROOT / "examples" / "clusters"
SCHEMAS = Path(__file__).parent / "schemas"
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
# Keys on the way to the job and to the pod in the fourth document of jobset.yaml.
JOB = "3 spec replicatedJobs 0 template spec"
POD = f"{JOB} template spec"
MOVED = [  # a field that is misspelt, or one level too high
    ("jobset.yaml", "0 metadata name", "0 name"),
    ("jobset.yaml", "1 rules 0 verbs", "1 rules 0 verb"),
    ("jobset.yaml", "2 roleRef", "2 roleref"),
    ("jobset.yaml", "3 spec replicatedJobs", "3 spec replicatedjobs"),
    ("jobset.yaml", "3 spec failurePolicy maxRestarts", "3 spec maxRestarts"),
    ("jobset.yaml", f"{JOB} completionMode", f"{JOB} completionmode"),
    ("jobset.yaml", f"{JOB} backoffLimit", "3 spec replicatedJobs 0 backoffLimit"),
    ("jobset.yaml", f"{POD} serviceAccountName", f"{POD} serviceaccountName"),
    ("jobset.yaml", f"{POD} restartPolicy", f"{JOB} restartPolicy"),
    ("jobset.yaml", f"{POD} containers 0 resources limits", f"{POD} containers 0 limits"),
    ("jobset.yaml", f"{POD} volumes 0 persistentVolumeClaim claimName", f"{POD} volumes 0 claimName"),
    ("skypilot.yaml", "0 num_nodes", "0 num_node"),
    ("skypilot.yaml", "0 resources accelerators", "0 accelerators"),
    ("skypilot.yaml", "0 file_mounts /data mode", "0 file_mounts /data Mode"),
    ("slurm.sbatch", "0 ntasks-per-node", "0 ntasks-per-nodes"),
]
WRONG = [  # a value of another type, or one that the field does not take
    ("jobset.yaml", "0 apiVersion", "rbac.authorization.k8s.io/v1"),
    ("jobset.yaml", "1 rules 0 resources", "pods"),
    ("jobset.yaml", "2 subjects 0 kind", "serviceAccount"),
    ("jobset.yaml", "3 apiVersion", "jobset.x-k8s.io/v1"),
    ("jobset.yaml", "3 kind", "Jobset"),
    ("jobset.yaml", "3 spec failurePolicy maxRestarts", "10"),
    ("jobset.yaml", f"{JOB} completionMode", "indexed"),
    ("jobset.yaml", f"{POD} restartPolicy", "Always"),
    ("jobset.yaml", f"{POD} containers 0 command", "dmljax train"),
    ("jobset.yaml", f"{POD} containers 0 ports 0 containerPort", "55527"),
    ("skypilot.yaml", "0 num_nodes", "2"),
    ("skypilot.yaml", "0 resources accelerators", 8),
    ("skypilot.yaml", "0 file_mounts /data mode", "MOUNTED"),
    ("slurm.sbatch", "0 time", "8 hours"),
    ("slurm.sbatch", "0 open-mode", "overwrite"),
    ("slurm.sbatch", "0 requeue", "yes"),
]


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


def documents(name):
    """What a file says to its cluster: the documents of YAML, or the options for sbatch."""
    text = (FOLDER / name).read_text()
    if not name.endswith(".sbatch"):
        return list(yaml.safe_load_all(text))
    # sbatch reads up to the first command.
    lines = itertools.takewhile(lambda line: line.startswith("#"), text.splitlines())
    options = [line.removeprefix("#SBATCH --").partition("=") for line in lines if line.startswith("#SBATCH")]
    assert len(options) == text.count("#SBATCH")
    return [{option: value if equals else True for option, equals, value in options}]


def check_fields(name, said):
    """Fails where a document has a field that its schema does not know there, or a wrong value."""
    schema = json.loads((SCHEMAS / name).with_suffix(".json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    for document in said:
        jsonschema.validate(document, schema, jsonschema.Draft202012Validator)


def inside(said, path):
    """What holds the field at a path of keys, and the field's key in it."""
    *outer, key = [int(key) if key.isdigit() else key for key in path.split()]
    return functools.reduce(operator.getitem, outer, said), key


def check_flags(arguments):
    """Fails where a command line of `dmljax train` has a flag that is not known, or a wrong value."""
    command, *flags = arguments
    assert command == "train"
    with pytest.raises(SystemExit) as ended:
        cli.run(command, "", "", train.define, lambda values: None, flags)
    assert ended.value.code == 0


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.iterdir()))
def test_all_fields_are_known(name):
    check_fields(name, documents(name))


@pytest.mark.parametrize("name, place, other", MOVED)
def test_a_field_elsewhere_is_found(name, place, other):
    said = documents(name)
    holder, key = inside(said, place)
    value = holder.pop(key)
    holder, key = inside(said, other)
    holder[key] = value
    with pytest.raises(jsonschema.ValidationError):
        check_fields(name, said)


@pytest.mark.parametrize("name, place, value", WRONG)
def test_a_wrong_value_is_found(name, place, value):
    said = documents(name)
    holder, key = inside(said, place)
    assert key in holder
    holder[key] = value
    with pytest.raises(jsonschema.ValidationError):
        check_fields(name, said)


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
    (task,) = documents("skypilot.yaml")
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
    said = documents("jobset.yaml")
    (jobs,) = next(one for one in said if one["kind"] == "JobSet")["spec"]["replicatedJobs"]
    job = jobs["template"]["spec"]
    assert job["completionMode"] == "Indexed" and job["parallelism"] == job["completions"]
    pod = job["template"]["spec"]
    names = {one["metadata"]["name"] for one in said if one["kind"] == "ServiceAccount"}
    assert pod["serviceAccountName"] in names
    program, *arguments = pod["containers"][0]["command"]
    assert program == "dmljax"
    check_flags(arguments)
