"""A folder that stands in for one in a bucket, and machines with copies of it."""

import pytest


@pytest.fixture
def bucket(tmp_path, machine):
    """A folder that stands in for one in a bucket; this machine's copies lie beside it."""
    machine("first")
    return tmp_path / "bucket" / "quick"


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """machine(name): from now on it is that one."""
    return lambda name: monkeypatch.setenv("DMLJAX_CACHE", str(tmp_path / name))
