"""Several processes on one machine, as on several machines: they share a run and end where one process
ends.
"""

import socket

import numpy as np
import pytest

from tests.runs.test_resume import finish, parameters, start


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_two_processes_give_what_one_gives(tmp_path):
    flags = ["--config.train.duration=9 steps", "--config.optimizer.epsilon=0.1"]
    code, out = finish(tmp_path / "one", *flags, XLA_FLAGS="--xla_force_host_platform_device_count=2")
    assert code == 0, out
    port = free_port()
    both = [
        start(
            tmp_path / "two",
            *flags,
            f"--coordinator=127.0.0.1:{port}",
            "--processes=2",
            f"--process={k}",
            XLA_FLAGS="--xla_force_host_platform_device_count=1",
        )
        for k in range(2)
    ]
    outs = [process.communicate(timeout=300)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], "\n".join(outs)
    (step, one), (other, two) = (parameters(tmp_path / name) for name in ("one", "two"))
    assert step == other == 9 and one.keys() == two.keys()
    for key in one:
        if one[key] != two[key] and "params" in key:
            a, b = (np.frombuffer(side[key], np.float32) for side in (one, two))
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5, err_msg=key)
