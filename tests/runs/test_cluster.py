"""What launchers of clusters tell their processes, by the variables that they set."""

import os
import sys
from types import SimpleNamespace

import pytest
from dmljax.launch import cli, train

from dmljax.runs import cluster
from dmljax.types import UserError

SLURM = {
    "SLURM_JOB_ID": "4097",
    "SLURM_STEP_NODELIST": "node[007-009],other1",
    "SLURM_NTASKS": "4",
    "SLURM_PROCID": "2",
    "SLURM_LOCALID": "0",
}
OPEN_MPI = {
    "OMPI_MCA_orte_hnp_uri": "8192.0;tcp://10.0.0.7,10.1.0.7:34911",
    "OMPI_COMM_WORLD_SIZE": "3",
    "OMPI_COMM_WORLD_RANK": "1",
    "OMPI_COMM_WORLD_LOCAL_RANK": "1",
}


@pytest.fixture(autouse=True)
def no_launcher(monkeypatch):
    """The suite may run on a cluster itself."""
    for name in [*os.environ]:
        if name.startswith(("SLURM_", "OMPI_", "KUBERNETES_", "JOB_", "TPU_", "MEGASCALE_", cluster.PORT)):
            monkeypatch.delenv(name)


def placed(monkeypatch, variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    lines = []
    return cluster.place(limit_s=1, say=lines.append), lines


def test_a_process_without_a_launcher_is_alone(monkeypatch):
    assert placed(monkeypatch, {}) == (cluster.Place("", 1, 0), [])
    # a batch script of SLURM itself, outside of srun, is no step
    step = {name: value for name, value in SLURM.items() if name != "SLURM_STEP_NODELIST"}
    assert placed(monkeypatch, step) == (cluster.Place("", 1, 0), [])


def test_slurm(monkeypatch):
    found, (line,) = placed(monkeypatch, SLURM)
    assert found == cluster.Place("node007:61441", 4, 2, launched=True)  # 65535 - 4095 + 4097 % 4096
    assert line.startswith("process 2 of 4 by SLURM, which meet at node007:61441; processes=1 ")


def test_slurm_with_a_port_of_ones_own(monkeypatch):
    found, _ = placed(monkeypatch, SLURM | {cluster.PORT: "5000"})
    assert found.coordinator == "node007:5000"


def test_one_process_is_alone_whoever_started_it(monkeypatch):
    assert placed(monkeypatch, SLURM | {"SLURM_NTASKS": "1", "SLURM_PROCID": "0"})[0] == cluster.Place()


def test_open_mpi(monkeypatch):
    found, (line,) = placed(monkeypatch, OPEN_MPI)
    assert (
        found == cluster.Place("10.0.0.7:61442", 3, 1, launched=True) and "by Open MPI" in line
    )  # 8192 / 4096 = 2


def test_a_launcher_that_cannot_be_understood(monkeypatch):
    with pytest.raises(UserError, match="started by SLURM, which does not say .*give coordinator"):
        placed(monkeypatch, SLURM | {"SLURM_PROCID": "two"})


def test_an_open_mpi_that_jax_does_not_know_asks_for_the_flags(monkeypatch):
    """Version 5 sets no address of mpirun; eight trainings for one folder would be the worst answer."""
    newer = {name: value for name, value in OPEN_MPI.items() if "hnp_uri" not in name}
    with pytest.raises(UserError, match="Open MPI started 3 processes.*processes=3 and process=.*here 1"):
        placed(monkeypatch, newer)
    assert placed(monkeypatch, newer | {"OMPI_COMM_WORLD_SIZE": "1"})[0] == cluster.Place()


def kubernetes(monkeypatch, parallelism):
    """A pod: the package is there, and its configuration cannot be read, or the job is known."""

    def fails():
        raise RuntimeError("no token\nof the service account")

    config = SimpleNamespace(load_incluster_config=fails)
    monkeypatch.setitem(sys.modules, "kubernetes", SimpleNamespace(config=config))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    if parallelism:
        from jax._src.clusters.k8s_cluster import K8sCluster

        monkeypatch.setattr(K8sCluster, "is_env_present", classmethod(lambda cls: True))
        job = SimpleNamespace(spec=SimpleNamespace(parallelism=parallelism))
        monkeypatch.setattr(K8sCluster, "_job", classmethod(lambda cls: job))


def test_a_pod_that_is_none_of_several_is_alone(monkeypatch):
    kubernetes(monkeypatch, 0)
    assert placed(monkeypatch, {}) == (cluster.Place(), [])


def test_what_kubernetes_refuses_is_told_in_one_line(monkeypatch):
    kubernetes(monkeypatch, 0)
    with pytest.raises(UserError, match="started by .*(no token of the service account).*give coordinator"):
        placed(monkeypatch, {cluster.NUMBER_OF_POD: "1"})


def test_an_indexed_job_of_one_pod_is_alone(monkeypatch):
    kubernetes(monkeypatch, 1)
    assert placed(monkeypatch, {cluster.NUMBER_OF_POD: "0"})[0] == cluster.Place()


def test_a_pod_that_cannot_look_for_the_others_asks_for_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "kubernetes", None)  # as if it were not installed
    with pytest.raises(UserError, match="pod 2 of an indexed Job .* install jax.k8s., give coordinator"):
        placed(monkeypatch, {cluster.NUMBER_OF_POD: "2", cluster.KUBERNETES: "10.0.0.1"})


def test_a_tpu_pod_of_kubernetes_needs_no_package(monkeypatch):
    """Its own launcher is asked before, and knows the others without Kubernetes' service."""
    from jax._src.clusters.cloud_tpu_cluster import GkeTpuCluster

    monkeypatch.setitem(sys.modules, "kubernetes", None)
    for name, value in (("is_env_present", True), ("get_process_count", 1)):
        monkeypatch.setattr(GkeTpuCluster, name, classmethod(lambda cls, value=value: value))
    found = placed(monkeypatch, {cluster.NUMBER_OF_POD: "2", cluster.KUBERNETES: "10.0.0.1"})
    assert found[0] == cluster.Place()


def test_jax_has_the_launchers_that_are_named():
    from jax._src.clusters import ClusterEnv

    known = {one.__name__ for one in ClusterEnv._cluster_types}
    assert cluster.NAMES.keys() <= known, "JAX calls its launchers otherwise now"


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--process=1"], "--coordinator, --processes and --process go together"),
        (["--coordinator=a:1"], "--coordinator, --processes and --process go together"),
        (["--processes=2", "--coordinator=a:1"], "--coordinator, --processes and --process go together"),
        (["--processes=two"], "--processes: must be a whole number above 0, or auto; got 'two'"),
    ],
)
def test_flags_that_say_half(monkeypatch, capsys, tmp_path, flags, said):
    monkeypatch.setenv("SLURM_PROCID", "1")
    with pytest.raises(SystemExit) as ended:
        cli.run("train", "", "", train.define, train.main, [*flags, f"--run={tmp_path / 'run'}"])
    assert ended.value.code == 2 and said in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
