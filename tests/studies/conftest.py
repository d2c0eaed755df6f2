"""Trainings of sweeps that are played, for the tests that ask for them."""

import pytest

from dmljax.studies import running, trials
from tests.studies.playing import Played


@pytest.fixture
def played(monkeypatch):
    monkeypatch.setattr(running, "Here", Played)
    monkeypatch.setattr(trials, "POLL_S", 0.0)
    monkeypatch.setattr(Played, "fails", ())
    monkeypatch.setattr(Played, "stopped", [])
    monkeypatch.setattr(Played, "epochs", 5)
