"""A run to export."""

import pytest

import dmljax
from tests.runs.tiny import TINY


@pytest.fixture(scope="module")
def run(tmp_path_factory, standard_promotion):
    """A network that was trained for two steps."""
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    dmljax.train(dmljax.get_config("quick", TINY), folder, progress=False, say=lambda line: None)
    return folder
