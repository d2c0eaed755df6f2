"""What every plug-in of a family keeps: tests for pytest, one file a family, for ours and for a user's own.

`dmljax check FILE` runs them. In a test suite of one's own they run by two lines:

    from dmljax.contracts.weightings import *

    @pytest.fixture
    def plugin():
        return dmljax.plugins.load_file("record.py", "weightings")
"""

import contextlib

from dmljax.plugins import FAMILIES

with contextlib.suppress(ModuleNotFoundError):  # the package can be walked without pytest
    import pytest

    pytest.register_assert_rewrite(*(f"{__name__}.{family}" for family in FAMILIES))
