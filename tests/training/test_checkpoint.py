"""Checkpoints: what is saved comes back, and saving leaves the process as it was."""

import logging
import sys
import threading

import jax
import numpy as np
import pytest

from dmljax.training import checkpoint
from dmljax.training.checkpoint import Checkpoints
from dmljax.types import UserError

LOGGERS = ("absl", "asyncio", "concurrent.futures")


def process():
    """What belongs to the whole process: its hooks and the levels of its loggers."""
    levels = [logging.getLogger(name).level for name in LOGGERS]
    return threading.excepthook, sys.unraisablehook, levels


@pytest.fixture
def hooks(monkeypatch):
    """Hooks and a level of the caller's own."""
    monkeypatch.setattr(threading, "excepthook", lambda args: None)
    monkeypatch.setattr(sys, "unraisablehook", lambda args: None)
    logger = logging.getLogger("absl")
    before = logger.level
    logger.setLevel(logging.INFO)
    yield process()
    logger.setLevel(before)


def test_a_save_leaves_hooks_and_levels(hooks, tmp_path):
    state = {"weights": np.arange(6.0, dtype=np.float32).reshape(2, 3)}
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save("last", 3, state, {"position": {"step": 3}})
    assert process() == hooks
    again = Checkpoints(tmp_path)
    assert again.latest() == 3 and again.position() == {"position": {"step": 3}}
    like = jax.tree.map(np.zeros_like, state)
    np.testing.assert_array_equal(again.restore("last", like)["weights"], state["weights"])
    checkpoints.close()
    again.close()
    assert process() == hooks


def test_a_failed_save_leaves_them_too(hooks, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "SETTLE_S", 0.0)
    (tmp_path / "checkpoints").write_text("a file where the folder should be")
    with pytest.raises(UserError, match="the checkpoint of step 3 cannot be written"):
        Checkpoints(tmp_path).save("last", 3, {"weights": np.zeros(2, np.float32)}, {})
    assert process() == hooks


def test_what_threads_say_after_a_failure_is_not_heard(hooks, monkeypatch):
    monkeypatch.setattr(checkpoint, "SETTLE_S", 0.2)
    heard = []
    monkeypatch.setattr(threading, "excepthook", heard.append)

    def late():
        threading.Event().wait(0.1)
        raise RuntimeError("of a write that was under way")

    with pytest.raises(OSError, match="full"), checkpoint._quiet():
        threading.Thread(target=late).start()
        raise OSError("full")
    assert heard == [] and threading.excepthook == heard.append
