"""Damaged files: cut, with other bits, other bytes, another file's beginning; and how often to try."""

import contextlib
import os
import signal

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from dmljax.types import LONGEST

MORE = int(os.environ.get("FUZZING", "1"))  # times as many examples as by default


def bounded(examples: int) -> settings:
    """So many examples, the same each time, and nothing is kept of them."""
    return settings(
        max_examples=examples * MORE,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


@contextlib.contextmanager
def within(seconds: float):
    """Fails the test where the block takes longer."""

    def over(*_):
        pytest.fail(
            f"it takes longer than {seconds} s"
        )  # no Exception: whoever catches those lets it through

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def in_one_line(error: BaseException) -> str:
    """What an error says; it is there, short, and in one line."""
    text = str(error)
    assert text.strip() and len(text.splitlines()) == 1 and len(text) <= LONGEST + 100, repr(text)[:5000]
    return text


@st.composite
def damaged(draw, content: bytes, others: tuple[bytes, ...] = ()):
    """The content of a file after up to three damages; `others`: files whose beginnings it may get."""
    found = bytearray(content)
    for kind in draw(st.lists(st.sampled_from(_KINDS), min_size=1, max_size=3)):
        found = kind(draw, found, others)
    return bytes(found)


def _place(draw, found: bytearray) -> int:
    """A place in it; every second time near its beginning, where headers are."""
    near = draw(st.booleans())
    return draw(st.integers(0, min(len(found), 64) if near else len(found)))


def _cut(draw, found, others):
    return found[: _place(draw, found)]


def _flipped(draw, found, others):
    for _ in range(draw(st.integers(1, 8)) if found else 0):
        found[min(_place(draw, found), len(found) - 1)] ^= 1 << draw(st.integers(0, 7))
    return found


def _overwritten(draw, found, others):
    place = _place(draw, found)
    new = draw(
        st.binary(min_size=1, max_size=8) | st.sampled_from([b"\xff" * 4, b"\x7f\xff\xff\xff", b"\0" * 4])
    )
    return found[:place] + new + found[place + len(new) :]


def _inserted(draw, found, others):
    place = _place(draw, found)
    return found[:place] + draw(st.binary(min_size=1, max_size=16)) + found[place:]


def _removed(draw, found, others):
    place = _place(draw, found)
    return found[:place] + found[place + draw(st.integers(1, 64)) :]


def _repeated(draw, found, others):
    first, last = sorted((_place(draw, found), _place(draw, found)))
    return found[:last] + found[first:]


def _begun_otherwise(draw, found, others):
    if not others:
        return found
    length = draw(st.integers(2, 64))
    return bytearray(draw(st.sampled_from(others))[:length]) + found[length:]


_KINDS = (_cut, _flipped, _overwritten, _inserted, _removed, _repeated, _begun_otherwise)
