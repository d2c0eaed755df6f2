"""A signal ends a command with one line and the right exit code, whatever the command is at."""

import signal
import subprocess
import sys

import pytest

COMMAND = """
import time
from dmljax.launch import _signals, cli

_signals.PATIENCE_S = 0.5

def body(values):
    print("begun", flush=True)
    {}

cli.run("train", "Trains.", "", lambda values: None, body, [])
"""
WORK = {
    "waits": "time.sleep(60)",
    "computes outside of Python": "import hashlib; hashlib.pbkdf2_hmac('sha256', b'a', b'b', 10**9)",
    "turns what is raised into another error": """
    try: time.sleep(60)
    except BaseException: raise ValueError('wrapped')""",
    "swallows what is raised": """
    while True:
        try: time.sleep(60)
        except BaseException: pass""",
}


@pytest.mark.parametrize(
    ("work", "number"),
    [*((work, signal.SIGTERM) for work in WORK), ("waits", signal.SIGINT), ("waits", signal.SIGUSR2)],
)
def test_one_line_and_the_exit_code_of_the_signal(work, number):
    command = [sys.executable, "-c", COMMAND.format(WORK[work])]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "begun\n"
    process.send_signal(number)
    told = process.communicate(timeout=60)[1]
    assert process.returncode == 128 + number
    assert told == f"dmljax train: ended by {number.name}\n"


def test_handlers_are_put_back():
    from dmljax.launch import _signals

    before = signal.getsignal(signal.SIGTERM)
    with _signals.told("dmljax"):
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before
    assert signal.set_wakeup_fd(-1) == -1
