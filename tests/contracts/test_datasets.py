"""Every set of the package keeps the contract."""

import pytest

from dmljax import plugins
from dmljax.contracts.datasets import *  # noqa: F403


@pytest.fixture(params=plugins.names("datasets"))
def plugin(request):
    return plugins.load("datasets", request.param)
