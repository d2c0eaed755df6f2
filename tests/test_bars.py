"""Bars on a terminal, lines in a file."""

import io
import sys

import pytest

from dmljax import bars


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """Seconds that the test sets."""
    now = [100.0]
    monkeypatch.setattr(bars.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def lines(monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    return lambda: capsys.readouterr().err.splitlines()


def test_a_file_has_a_line_now_and_then_with_the_time_left(clock, lines):
    with bars.bar(total=1200, initial=200, desc="training", unit="step", show=True) as bar:
        for k in range(500):
            clock[0] += 0.25 if k else 20.25  # the first waits for a compiler
            bar.set_postfix_str(f"loss {k}", refresh=False)
            bar.update()
    assert lines() == [
        "training: 240 of 1,200 (20 %) in 00:30, 04:00 left, loss 39",
        "training: 360 of 1,200 (30 %) in 01:00, 03:30 left, loss 159",
        "training: 480 of 1,200 (40 %) in 01:30, 03:00 left, loss 279",
        "training: 600 of 1,200 (50 %) in 02:00, 02:30 left, loss 399",
        "training: 700 of 1,200 (58 %) in 02:25, 02:05 left, loss 499",
    ]


@pytest.mark.parametrize(("show", "seconds"), [(True, 9.0), (False, 99.0)])
def test_short_work_and_work_that_is_not_to_be_shown_say_nothing(clock, lines, show, seconds):
    with bars.bar(total=3, desc="drawing", unit="item", show=show) as bar:
        for _ in range(3):
            clock[0] += seconds
            bar.update()
    assert lines() == []


def test_what_is_run_through_is_counted(clock, lines):
    for _ in bars.bar(["a", "b"], desc="drawing", unit="item", show=True):
        clock[0] += 40
    assert lines() == ["drawing: 1 of 2 (50 %) in 00:40", "drawing: 2 of 2 (100 %) in 01:20"]


def test_a_terminal_has_a_bar(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    for _ in bars.bar(range(3), desc="drawing", unit="item", show=True, leave=True):
        pass
    assert "\r" in sys.stderr.getvalue() and "3/3" in sys.stderr.getvalue()
