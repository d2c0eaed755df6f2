"""One training at a time in a folder."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from dmljax.runs import lock
from dmljax.types import UserError

HOLD = (
    "import sys, pathlib; from dmljax.runs import lock\nwith lock.held(pathlib.Path(sys.argv[1]), print): {}"
)


def quiet(text):
    raise AssertionError(text)


def holder(folder, then="print('held', flush=True); sys.stdin.read()"):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD.format(then), str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "held\n"
    return process


def test_who_holds_a_folder_is_named_and_a_kill_frees_it(tmp_path):
    folder = tmp_path / "run"
    process = holder(folder)
    said = (
        rf"'{folder}' is in use by process {process.pid} on {socket.gethostname()}, since 20\d\d-\d\d-\d\dT"
    )
    for _ in range(2):  # who was refused has not freed it
        with pytest.raises(UserError, match=said), lock.held(folder, quiet):
            pass
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert (folder / lock.FILE).exists()  # which means nothing
    with lock.held(folder, quiet):
        assert f'"process": {os.getpid()}' in (folder / lock.FILE).read_text()
        with pytest.raises(UserError, match="in use"), lock.held(folder, quiet):  # the same process, again
            pass
    assert list(folder.iterdir()) == []


def test_a_folder_that_was_made_for_nothing_is_removed(tmp_path):
    with pytest.raises(UserError, match="mistake"), lock.held(tmp_path / "new", quiet):
        raise UserError("mistake")
    (tmp_path / "own").mkdir()
    with lock.held(tmp_path / "own", quiet):
        pass
    with lock.held(tmp_path / "used", quiet):
        (tmp_path / "used" / "config.json").write_text("{}")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["own", "used"]


def test_a_file_system_without_locks_is_told(tmp_path, monkeypatch):
    def refuse(file, how):
        raise OSError(lock.NO_LOCKS[0], "No locks available")

    monkeypatch.setattr(lock.fcntl, "flock", refuse)
    told = []
    with lock.held(Path(tmp_path), told.append):
        pass
    assert told == [
        f"'{tmp_path}' cannot be locked (No locks available): see to it that no other run uses it"
    ]
