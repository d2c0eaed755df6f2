"""A run to show, and a detector that finds two faces in bright pictures."""

import pytest

import dmljax
from tests.inference.conftest import run as run

BOXES = [(2.0, 4.0, 12.0, 14.0), (10.0, 10.0, 30.0, 30.0)]  # the smaller one first


@pytest.fixture(scope="session")
def model(run):
    return dmljax.load(run, batch=8)


@pytest.fixture
def two_faces(tmp_path):
    """The name of the detector."""
    (tmp_path / "detectors").mkdir()
    (tmp_path / "detectors" / "two.py").write_text(
        "def build(*, side=480):\n"
        "    raise AssertionError('all faces are asked for')\n"
        "def build_every(*, side=480):\n"
        f"    return lambda image: [] if image.max() < 99 else {BOXES}\n"
    )
    dmljax.plugins.add_folder(tmp_path)
    return "two"
