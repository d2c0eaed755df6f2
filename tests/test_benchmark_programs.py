"""Every program of benchmarks/ still starts: its imports hold, and it says how it is used."""

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
PROGRAMS = sorted(
    path.relative_to(BENCHMARKS) for path in BENCHMARKS.rglob("*.py") if "cli.run(" in path.read_text()
)


@pytest.mark.slow
@pytest.mark.parametrize("program", PROGRAMS, ids=str)
def test_it_says_how_it_is_used(program):
    done = subprocess.run(
        [sys.executable, BENCHMARKS / program, "--help"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert f"python benchmarks/{program}" in done.stdout


def test_they_are_found():
    assert {Path("pixels.py"), Path("studies/parts.py"), Path("torchjd/beside.py")} <= set(PROGRAMS)
