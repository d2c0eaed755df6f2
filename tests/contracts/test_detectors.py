"""Every detector of the package keeps the contract, where what it needs is installed."""

import pytest

from dmljax import plugins
from dmljax.contracts.detectors import *  # noqa: F403
from dmljax.types import UserError


@pytest.fixture(
    params=[pytest.param(n, marks=[pytest.mark.slow] * (n == "mtcnn")) for n in plugins.names("detectors")]
)
def plugin(request):
    found = plugins.load("detectors", request.param)
    try:
        found.build()
    except UserError as lacking:
        pytest.skip(str(lacking))
    return found
