"""The program that simulates intervals: its bootstraps are scipy's, and it counts what it should."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

PROGRAM = Path(__file__).parents[1] / "benchmarks" / "intervals.py"


@pytest.fixture
def program(monkeypatch):
    monkeypatch.syspath_prepend(PROGRAM.parent)
    yield importlib.import_module("intervals")
    del sys.modules["intervals"]


@pytest.mark.parametrize("method", ["percentile", "BCa"])
def test_bootstraps_are_those_of_scipy(program, method):
    rng = np.random.default_rng(5)
    counts = rng.integers(1, 28, 15)
    hits = rng.binomial(counts, rng.uniform(0.5, 0.95, 15))
    found = program.bootstraps(hits, counts, 20_000, rng)[f"bootstrap, {method}"]
    share = lambda hits, counts, axis: hits.sum(axis) / counts.sum(axis)
    drawn = dict(paired=True, n_resamples=20_000, method=method, rng=rng)
    expected = stats.bootstrap((hits, counts), share, **drawn).confidence_interval
    np.testing.assert_allclose(found, expected, atol=3e-3)


def test_a_share_is_the_mean_over_people(program):
    draws = np.random.default_rng(0).standard_normal(200_000)
    right = 1 / (1 + np.exp(-(program.centre(0.85, 1.0) + draws)))
    assert right.mean() == pytest.approx(0.85, abs=2e-3)


def test_every_kind_of_set_gets_a_line(tmp_path):
    flags = [f"--out={tmp_path / 'lines'}", "--sets=2", "--draws=99"]
    done = subprocess.run([sys.executable, PROGRAM, *flags], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in (tmp_path / "lines").read_text().splitlines()]
    assert len(lines) == 72 and "| ours, over people | 8 |" in done.stdout
    assert all(0 <= share <= 1 for line in lines for share in line["coverage"].values())
