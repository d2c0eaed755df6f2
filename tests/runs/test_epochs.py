"""The loop over epochs, with a step that counts."""

from types import SimpleNamespace

import jax
import numpy as np
import pytest

from dmljax.runs.epochs import Epochs
from dmljax.runs.hooks import Hooks
from dmljax.runs.profile import Profile
from dmljax.runs.resume import Position
from dmljax.types import TOTAL


class Log:
    def __init__(self):
        self.lines, self.pending = [], 0

    def add(self, step, scalars):
        self.pending += 1

    def fetch(self):
        fetched, self.pending = [{TOTAL: 1.0}] * self.pending, 0
        return fetched

    def line(self, step, epoch):
        self.lines.append((step, epoch))


@pytest.mark.parametrize(
    ("position", "drawn", "lines"),
    [
        (Position(began="5 steps"), [0, 1, 2, 3, 4], [(1, 0), (2, 0), (3, 3), (4, 3), (5, 4)]),
        # left when its epoch had more steps than it is drawn with now
        (
            Position(began="5 steps", epoch=3, offset=2, epoch_sum=9.0),
            [3, 4, 5, 6],
            [(1, 4), (2, 4), (3, 5), (4, 5), (5, 6)],
        ),
    ],
    ids=["two epochs fill no step", "an epoch grew shorter"],
)
def test_an_epoch_without_a_step_is_passed_over(tmp_path, monkeypatch, position, drawn, lines):
    size, epoch_of, waited = jax.device_count(), [], []

    def draw(epoch):
        assert len(epoch_of) < 9, "it never ends"
        epoch_of.append(epoch)
        return np.zeros((0 if epoch in (1, 2) else 2, size), np.int32)

    log = Log()
    feed = SimpleNamespace(table=None, batches=lambda rows: ({} for _ in rows))
    epochs = Epochs(
        SimpleNamespace(
            seed=0,
            data=SimpleNamespace(accumulate=1),
            train=SimpleNamespace(patience=0, least_fall=0.0),
        ),
        SimpleNamespace(feed=feed, split=SimpleNamespace(train=np.arange(size), validation=())),
        SimpleNamespace(draw=draw),
        SimpleNamespace(whole=5, log=1, save=99, conflicts=0),
        position,
        net=None,
        program=None,
        checkpoints=None,
        log=log,
        hooks=Hooks(),
        profile=Profile(tmp_path, ""),
    )
    monkeypatch.setattr(epochs, "_step", lambda state, batch: (state + 1, {"step": state + 1}))
    monkeypatch.setattr(epochs, "_save", lambda kind, state: None)
    monkeypatch.setattr(jax, "block_until_ready", waited.append)
    assert epochs.run(0) == 0
    assert epoch_of == drawn and log.lines == lines
    assert position.epoch_sum == 1.0  # of the present epoch alone
    assert waited == [{"step": k + 1} for k in range(5)], "on a CPU each step is waited for"
