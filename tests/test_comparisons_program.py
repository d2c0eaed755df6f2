"""The program that simulates pages of alike methods: what it draws, and that it counts every kind."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

PROGRAM = Path(__file__).parents[1] / "benchmarks" / "comparisons.py"


@pytest.fixture
def program(monkeypatch):
    monkeypatch.syspath_prepend(PROGRAM.parent)
    yield importlib.import_module("comparisons")
    del sys.modules["comparisons"]


def test_methods_are_alike_and_share_their_people(program, rng):
    rows = program.page(rng, 5, 100, 0.01)
    assert len(rows) == 21 * 5 and {row["seed"] for row in rows} == set(range(5))
    hits = np.array([[right for _, right in row["people"]["right"].values()] for row in rows]) / 35
    assert [row["right"] for row in rows] == pytest.approx(hits.mean(1))
    of_method = hits.reshape(21, 5, 100).mean(1)
    assert np.ptp(of_method.mean(1)) < 0.04 and np.corrcoef(of_method).min() > 0.7


def test_a_method_that_is_better_is_an_alarm(program, rng):
    rows = program.page(rng, 3, 100, 0.005)
    assert program.judged(rows)["level_held"] in (True, False)
    for row in rows[-3:]:
        people = {who: (n, min(n, right + 5)) for who, (n, right) in row["people"]["right"].items()}
        row["people"] = {"right": people}
        row["right"] = np.mean([right / n for n, right in people.values()])
    told = program.judged(rows)
    assert told["alarm_own"] and told["alarm_together"] and told["held"] < 1


def test_every_kind_of_page_gets_a_line(tmp_path):
    flags = [f"--out={tmp_path / 'lines'}", "--pages=2"]
    done = subprocess.run([sys.executable, PROGRAM, *flags], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in (tmp_path / "lines").read_text().splitlines()]
    assert len(lines) == 12 and "| 3 | 40 | 0.5 |" in done.stdout
    assert all(0 <= line["held"] <= 1 and line["width"] <= 1.5 for line in lines)
