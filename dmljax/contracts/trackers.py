"""What every tracker keeps: a run's numbers, by step, also of a run that is continued, without a network.

Tests take fixtures: `plugin`, the tracker's module, and `local`, options of its `build` by which it needs no
network; none by default.
"""

import numpy as np
import pytest

CONFIG = {"seed": 0, "model.branches": ("face", "eyes"), "note": "x" * 9000, "optimizer.learning_rate": 1e-3}


@pytest.fixture
def local():
    return {}


def test_a_run_is_tracked_and_continued(plugin, local, tmp_path):
    run, key = tmp_path / "a run", "0123456789abcdef0123456789abcdef"
    run.mkdir()
    for first in (0, 2):  # steps 3 and 4 come once more, as after a kill
        tracker = plugin.build(**local)(run, key=key, step=first, config=CONFIG)
        for step in range(first + 1, 5):
            tracker.scalars(step, {"loss/expression": 1.0 / step, "embedding/norm": float(np.float32(0.1))})
        tracker.flush()
        tracker.close()


def test_its_options_are_checked_before_a_run_begins(plugin, local):
    assert callable(plugin.build(**local)), "build must return what begins a run"
