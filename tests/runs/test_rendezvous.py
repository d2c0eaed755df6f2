"""Processes that meet: threads stand for them."""

import re
import socket
import threading
import time

import pytest

from dmljax.runs import rendezvous
from dmljax.runs.rendezvous import meeting
from dmljax.types import UserError


@pytest.fixture
def coordinator():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


def begin(body, *arguments, **options):
    """A process in a meeting that does `body`; (thread, what it raised)."""
    raised = []

    def run():
        try:
            with meeting(*arguments, **options):
                body()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, raised


def end(*begun):
    for thread, _ in begun:
        thread.join(20)
        assert not thread.is_alive()
    return [raised for _, raised in begun]


def test_three_meet_in_any_order_and_part_without_a_word(coordinator):
    there, said = threading.Barrier(3), []
    options = {"limit_s": 20, "say": said.append, "lost": said.append}
    begun = [begin(there.wait, coordinator, 3, k, **options) for k in (2, 0, 1)]
    assert end(*begun) == [[], [], []] and said == []


def test_who_is_missing_is_named_to_all(coordinator, monkeypatch):
    monkeypatch.setattr(rendezvous, "TELL_S", 0.2)
    said = []
    begun = [begin(lambda: None, coordinator, 4, k, limit_s=1.5, say=said.append) for k in (0, 2)]
    (first,), (other,) = end(*begun)
    assert isinstance(first, UserError) and isinstance(other, UserError)
    assert f"process 1, 3 of 4 did not come to {coordinator} in time" in str(first)
    assert "process 1, 3 of 4 did not come" in str(other)
    # where 2 comes late it was missing, too
    (line,) = said
    assert re.fullmatch(rf"waiting for process 1, (2, )?3 of 4 at {coordinator}", line)


def test_who_waits_for_the_coordinator_is_told(coordinator, monkeypatch):
    monkeypatch.setattr(rendezvous, "TELL_S", 0.1)
    said, began = [], time.monotonic()
    ((error,),) = end(begin(lambda: None, coordinator, 2, 1, limit_s=0.5, say=said.append))
    assert f"process 0 does not answer at {coordinator}" in str(error) and time.monotonic() < began + 10
    assert said == [f"process 1: waiting for process 0 at {coordinator}"]


@pytest.mark.parametrize("wrong", ["", "host", "host:", ":12", "host:0", "host:99999", "host:1x", "a:b:c"])
def test_a_malformed_address(wrong):
    with pytest.raises(UserError, match="coordinator: it must be HOST:PORT"):
        rendezvous.address(wrong)
    assert rendezvous.address("[::1]:12") == ("::1", 12)


def test_a_port_in_use_and_a_machine_nobody_knows(coordinator):
    with socket.socket() as taken:
        taken.bind(rendezvous.address(coordinator))
        taken.listen()
        ((error,),) = end(begin(lambda: None, coordinator, 2, 0, limit_s=5))
    assert f"process 0 cannot listen at {coordinator}: Address already in use" in str(error)
    ((error,),) = end(begin(lambda: None, "no-such-machine.invalid:80", 2, 1, limit_s=5))
    assert "no machine is known as 'no-such-machine.invalid'" in str(error)


def test_strangers_and_doubles_are_not_let_in(coordinator):
    met, over = threading.Event(), threading.Event()
    done = begin(lambda: (met.set(), over.wait(20)), coordinator, 2, 0, limit_s=20)
    place = rendezvous.address(coordinator)
    for message in (b"", b"GET / HTTP/1.1\r\n\r\n", b"[1]\n", b'{"process": "1"}\n', b"x" * 5000):
        for _ in range(50):
            try:
                stranger = socket.create_connection(place)
                break
            except ConnectionRefusedError:  # it does not listen yet
                time.sleep(0.1)
        with stranger:
            stranger.sendall(message)
    ((error,),) = end(begin(lambda: None, coordinator, 3, 1, limit_s=5))
    assert "process 0 expects 2 processes" in str(error) and not met.is_set()
    other = begin(lambda: over.wait(20), coordinator, 2, 1, limit_s=20)
    assert met.wait(20)
    over.set()
    assert end(done, other) == [[], []]


@pytest.mark.parametrize("gone", [0, 1, 2])
def test_the_others_notice_one_that_fails(coordinator, monkeypatch, gone):
    monkeypatch.setattr(rendezvous, "GRACE_S", 0.1)
    there, over, lost = threading.Barrier(3), threading.Event(), {0: [], 1: [], 2: []}

    def body(k):
        there.wait(20)
        if k == gone:
            raise RuntimeError("failed")
        over.wait(20)

    begun = [begin(lambda k=k: body(k), coordinator, 3, k, limit_s=20, lost=lost[k].append) for k in range(3)]
    until = time.monotonic() + 20
    others = [k for k in range(3) if k != gone]
    while not all(lost[k] for k in others) and time.monotonic() < until:
        time.sleep(0.02)
    over.set()
    end(*begun)
    for k in others:
        assert lost[k][0].startswith(f"process {gone} has ended, and so does this one"), lost


def test_an_error_because_another_is_gone_is_told_as_that(coordinator, monkeypatch):
    """Libraries fail in the main thread when a message cannot be sent; a user's mistake is told as it is."""
    monkeypatch.setattr(rendezvous, "GRACE_S", 5)
    there, lost = threading.Barrier(2), []

    def fails():
        there.wait(20)
        time.sleep(0.3)
        raise ValueError("connection reset by peer")

    def goes():
        there.wait(20)
        raise UserError("no folder")

    begun = [
        begin(fails, coordinator, 2, 0, limit_s=20, lost=lost.append),
        begin(goes, coordinator, 2, 1, limit_s=20, lost=lost.append),
    ]
    (first,), (other,) = end(*begun)
    assert isinstance(first, ValueError) and "no folder" in str(other)
    assert len(lost) == 1 and lost[0].startswith("process 1 has ended")
