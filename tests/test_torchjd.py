"""Strategies beside TorchJD's: equal to rounding where torch is at hand; mistakes are told without it."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

BESIDE = Path(__file__).parent.parent / "benchmarks" / "torchjd" / "beside.py"


def beside(*flags):
    return subprocess.run([sys.executable, BESIDE, *flags], capture_output=True, text=True)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--names=equal,upgrat"], "--names: must be of equal, upgrad, .*; got 'upgrat'"),
        (["--torch=false", "--problems=yeast"], "--torch: its program has ended, see above; it needs torch"),
    ],
)
def test_mistakes_are_told_in_one_line(flags, said):
    pytest.importorskip("river")
    done = beside(*flags)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1 and re.search(said, done.stderr), done.stderr


@pytest.mark.skipif(importlib.util.find_spec("torchjd") is None, reason="needs torch and torchjd")
@pytest.mark.parametrize("problem", ["digits", "yeast"])
def test_both_sides_are_one_network(tmp_path, problem):
    flags = [f"--problems={problem}", "--seeds=2", "--epochs=1", "--turns=1", "--steps=2"]
    flags.append("--early=2")  # rounding grows with every step of Adam
    names = ["equal", "upgrad", "famo", "uncertainty"]
    done = beside(
        *flags, f"--names={','.join(names)}", f"--torch={sys.executable}", f"--out={tmp_path / 'lines'}"
    )
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in (tmp_path / "lines").read_text().splitlines()]
    assert [line["strategy"] for line in found] == names
    assert all(line["early_difference"] < 1e-3 for line in found)
