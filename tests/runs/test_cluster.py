"""What launchers of clusters tell their processes, by the variables that they set."""

import pytest

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
    assert found == cluster.Place("node007:61441", 4, 2)  # 65535 - 4095 + 4097 % 4096
    assert line.startswith("process 2 of 4 by SLURM, which meet at node007:61441; --processes=1 ")


def test_slurm_with_a_port_of_ones_own(monkeypatch):
    found, _ = placed(monkeypatch, SLURM | {cluster.PORT: "5000"})
    assert found.coordinator == "node007:5000"


def test_one_process_is_alone_whoever_started_it(monkeypatch):
    assert placed(monkeypatch, SLURM | {"SLURM_NTASKS": "1", "SLURM_PROCID": "0"})[0] == cluster.Place()


def test_open_mpi(monkeypatch):
    found, (line,) = placed(monkeypatch, OPEN_MPI)
    assert found == cluster.Place("10.0.0.7:61442", 3, 1) and "by Open MPI" in line  # 8192 / 4096 = 2


def test_a_launcher_that_cannot_be_understood(monkeypatch):
    with pytest.raises(UserError, match="started by SLURM, which does not say .*give --coordinator"):
        placed(monkeypatch, SLURM | {"SLURM_PROCID": "two"})
