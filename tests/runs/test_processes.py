"""Several processes on one machine, as on several machines: they share a run and end where one process
ends.
"""

import shutil
import socket
import time

import numpy as np
import pytest

from tests.runs.test_resume import finish, lines, parameters, start, steps_logged, wait_for


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def host(count):
    return {"XLA_FLAGS": f"--xla_force_host_platform_device_count={count}"}


def same_parameters(one, other):
    """The step at which two runs have ended, with the same parameters to rounding."""
    (step, first), (same, second) = (parameters(run) for run in (one, other))
    assert step == same and first.keys() == second.keys()
    for key in first:
        if first[key] != second[key] and "params" in key:
            a, b = (np.frombuffer(side[key], np.float32) for side in (first, second))
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5, err_msg=key)
    return step


def pair(run, *flags, machines=({}, {})):
    """Two processes of one run, and what each has in its environment."""
    port = free_port()
    return [
        start(
            run,
            *flags,
            f"--coordinator=127.0.0.1:{port}",
            "--processes=2",
            f"--process={k}",
            **host(1) | machine,
        )
        for k, machine in enumerate(machines)
    ]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("feed", ["resident", "tfdata"])
def test_two_processes_give_what_one_gives(tmp_path, feed):
    """By tf.data each process reads its own part of every mini-batch."""
    flags = ["--config.train.duration=9 steps", "--config.optimizer.epsilon=0.1"]
    code, out = finish(tmp_path / "one", *flags, **host(2))
    assert code == 0, out
    both = pair(tmp_path / "two", *flags, f"--config.data.feed={feed}")
    outs = [process.communicate(timeout=300)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], "\n".join(outs)
    assert same_parameters(tmp_path / "one", tmp_path / "two") == 9


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_two_machines_share_nothing_but_a_bucket(tmp_path):
    """Each has a copy of the run; process 0 sends. Two others, which have none, go on with it."""
    flags = ["--config.optimizer.epsilon=0.1", f"--config.dataset.root={tmp_path / 'rendered'}"]
    for duration, names in (("4 steps", "ab"), ("9 steps", "cd")):
        duration = f"--config.train.duration={duration}"
        code, out = finish(tmp_path / "one", duration, *flags, **host(2))
        assert code == 0, out
        machines = [{"DMLJAX_CACHE": str(tmp_path / name)} for name in names]
        both = pair(f"file://{tmp_path / 'bucket'}", duration, *flags, machines=machines)
        outs = [process.communicate(timeout=300)[0] for process in both]
        assert [process.returncode for process in both] == [0, 0], "\n".join(outs)
    assert f"continuing at step 4 of '{tmp_path / 'c'}" in outs[0], outs[0]
    assert same_parameters(tmp_path / "one", tmp_path / "bucket") == 9
    assert steps_logged(tmp_path / "bucket") == [3, 4, 6, 9]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("killed", [0, 1])
def test_a_kill_of_one_ends_the_other_in_one_line_and_both_go_on(tmp_path, killed):
    run = tmp_path / "two"
    both = pair(run)
    log = run / "train.jsonl"
    wait_for(lambda: log.exists() and log.read_text().count("\n") >= 3, *both)
    both[killed].kill()
    killed_at = time.monotonic()
    out = both[1 - killed].communicate(timeout=120)[0]
    assert both[1 - killed].returncode == 1 and time.monotonic() < killed_at + 30
    assert out.splitlines()[-1].startswith(f"dmljax: process {killed} has ended, and so does this one")
    both[killed].communicate()
    both = pair(run)
    outs = [process.communicate(timeout=300)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], "\n".join(outs)
    assert "continuing at step" in outs[0] and steps_logged(run)[-1] == 40


def same_log(one, other):
    """Whether two runs have logged the same to rounding."""
    logs = [lines(run) for run in (one, other)]
    assert [line["step"] for line in logs[0]] == [line["step"] for line in logs[1]]
    for a, b in zip(*logs):
        assert a.keys() == b.keys()
        for name in a:
            assert a[name] == pytest.approx(b[name], rel=1e-3, abs=1e-5), (a["step"], name)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_run_goes_on_with_another_number_of_devices_and_processes(tmp_path):
    """The same samples in the same order: one device, four, two processes and two devices after each other
    give what one device gives.
    """
    flags = ["--config.optimizer.epsilon=0.1", "--config.data.tuples_per_step=4"]
    flags += ["--config.train.log_every=1 step"]  # a line is of one step, wherever a run was cut
    until = lambda step: [*flags, f"--config.train.duration={step} steps"]
    one, many = tmp_path / "one", tmp_path / "many"
    ended = [finish(one, *until(4), **host(1))]
    shutil.copytree(one, many)
    ended += [finish(one, *until(16), **host(1)), finish(many, *until(8), **host(4))]
    both = pair(many, *until(12))
    outs = [process.communicate(timeout=300)[0] for process in both]
    ended += [(process.returncode, out) for process, out in zip(both, outs)]
    ended += [finish(many, *until(16), **host(2))]
    assert [code for code, _ in ended] == [0] * len(ended), ended
    assert "continuing at step 12" in ended[-1][1]
    same_log(one, many)
    assert same_parameters(one, many) == 16


@pytest.mark.filterwarnings("ignore")
def test_devices_that_do_not_divide_the_batch_are_refused_with_the_numbers(tmp_path):
    code, out = finish(tmp_path / "run", "--config.data.tuples_per_step=4", **host(3))
    assert code == 2 and "3 devices" in out, out
