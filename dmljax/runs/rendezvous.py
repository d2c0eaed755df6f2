"""The processes of one run meet before JAX connects them, and notice when one of them is gone.

Process 0 listens at the coordinator's address until all others have come; who is missing is named. The
connections stay open: one that ends without a goodbye means that its process was killed, or failed. JAX
itself notices that after a minute or more, and ends in many lines. Messages are lines of JSON and hold
nothing but process numbers.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from dmljax.types import UserError

TELL_S = 10.0  # who waits says so after this time
GRACE_S = 2.0  # for a process to end by itself, and say why, where another has ended
LONGEST = 200  # bytes of a message
BYE = {"bye": True}


def address(coordinator: str) -> tuple[str, int]:
    """Host and port of HOST:PORT.

    Raises:
      UserError: it is malformed.
    """
    host, colon, port = coordinator.rpartition(":")
    if not (colon and host and port.isascii() and port.isdecimal() and 0 < int(port) < 65536):
        raise UserError(
            f"it must be HOST:PORT with a port from 1 to 65535; got '{coordinator}'", parameter="coordinator"
        )
    return host.strip("[]"), int(port)


@contextlib.contextmanager
def meeting(
    coordinator: str,
    processes: int,
    process: int,
    *,
    limit_s: float,
    say: Callable[[str], None] = print,
    lost: Callable[[str], None] | None = None,
) -> Iterator[None]:
    """In this block all processes are there; where one goes before its block has ended, the others end.

    Args:
      coordinator: HOST:PORT of process 0.
      limit_s: how long to wait for the others.
      say: is told of a wait that takes long.
      lost: is called with a line when another process is gone; by default it is printed, and the process
        ends at once with exit code 1.

    Raises:
      UserError: the address is malformed or in use, or not all processes came in time; the text names them.
    """
    meet = _gather if process == 0 else _join
    lines = meet(address(coordinator), processes, process, time.monotonic() + limit_s, say)
    over, noticed, lost = threading.Event(), _Noticed(), lost or _end
    for number, line in lines.items():
        threading.Thread(target=_watch, args=(number, line, lines, over, noticed, lost), daemon=True).start()
    try:
        yield
        for line in lines.values():
            line.send(BYE)
    except UserError:  # which says what is the matter
        raise
    except BaseException:  # of a message to a process that is gone, as a rule
        if noticed.event.wait(GRACE_S):
            over.set()
            lost(noticed.text)
        raise
    finally:
        over.set()
        for line in lines.values():
            line.close()


class _Noticed:
    """That another process is gone, for the main thread."""

    def __init__(self):
        self.event, self.text = threading.Event(), ""


class _Line:
    """A connection of JSON lines."""

    def __init__(self, connection: socket.socket):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # a machine may go without a word
        for option, seconds in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
            if hasattr(socket, option):
                connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), seconds)
        self.connection, self._rest = connection, b""

    def send(self, message: dict) -> None:
        with contextlib.suppress(OSError):  # who is gone needs no message
            self.connection.sendall(json.dumps(message).encode() + b"\n")

    def receive(self, until: float | None) -> dict[str, Any] | None:
        """The next message; None where the connection has ended or says something else.

        Raises:
          TimeoutError: nothing came.
        """
        while b"\n" not in self._rest:
            if until is not None and until <= time.monotonic():
                raise TimeoutError
            try:
                self.connection.settimeout(None if until is None else until - time.monotonic())
                part = self.connection.recv(LONGEST)
            except TimeoutError:
                raise
            except OSError:
                return None
            self._rest += part
            if not part or len(self._rest) > 10 * LONGEST:
                return None
        first, self._rest = self._rest.split(b"\n", 1)
        try:
            found = json.loads(first)
        except ValueError:
            return None
        return found if isinstance(found, dict) else None

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
        self.connection.close()


def _gather(place, processes: int, process: int, until: float, say) -> dict[int, _Line]:
    """Process 0: waits for all others."""
    del process
    lines: dict[int, _Line] = {}
    told = time.monotonic() + TELL_S
    with _listening(place) as listener:
        while missing := [k for k in range(1, processes) if k not in lines]:
            listener.settimeout(0.2)
            with contextlib.suppress(TimeoutError):
                line = _Line(listener.accept()[0])
                _admit(line, processes, lines)
            who = ", ".join(map(str, missing))
            if time.monotonic() > until:
                for line in lines.values():
                    line.send({"missing": who})
                    line.close()
                raise UserError(
                    f"process {who} of {processes} did not come to {place[0]}:{place[1]} in time; start all"
                    " processes with the same coordinator and count, or wait longer"
                )
            if time.monotonic() > told:
                say(f"waiting for process {who} of {processes} at {place[0]}:{place[1]}")
                told = until
    for line in lines.values():
        line.send({"go": True})
    return lines


@contextlib.contextmanager
def _listening(place) -> Iterator[socket.socket]:
    try:
        family, kind, _, _, where = socket.getaddrinfo(*place, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(where)
            listener.listen()
            yield listener
    except OSError as error:
        raise UserError(
            f"process 0 cannot listen at {place[0]}:{place[1]}: {error.strerror or error}; give an address"
            " of this machine and a free port",
            parameter="coordinator",
        ) from None


def _admit(line: _Line, processes: int, lines: dict[int, _Line]) -> None:
    """Takes a process of this run in; whoever else calls is not answered."""
    try:
        hello = line.receive(time.monotonic() + 1) or {}
    except TimeoutError:
        hello = {}
    number = hello.get("process")
    fits = isinstance(number, int) and 0 < number < processes and number not in lines
    if fits and hello.get("processes") == processes:
        lines[number] = line
        return
    if fits or hello.get("processes") is not None:
        line.send({"refused": f"process 0 expects {processes} processes with numbers of their own"})
    line.close()


def _join(place, processes: int, process: int, until: float, say) -> dict[int, _Line]:
    """Another process: calls process 0 until it answers, and waits for all to be there."""
    told = time.monotonic() + TELL_S
    where = f"{place[0]}:{place[1]}"
    while True:
        try:
            line = _Line(socket.create_connection(place, timeout=2))
            break
        except socket.gaierror as error:
            raise UserError(
                f"no machine is known as '{place[0]}' ({error.strerror})", parameter="coordinator"
            ) from None
        except OSError as error:
            if time.monotonic() > until:
                raise UserError(
                    f"process 0 does not answer at {where} ({error.strerror or error}); start it, or correct"
                    " its address",
                    parameter="coordinator",
                ) from None
            if time.monotonic() > told:
                say(f"process {process}: waiting for process 0 at {where}")
                told = until
            time.sleep(0.2)
    line.send({"process": process, "processes": processes})
    try:
        answer = line.receive(until + TELL_S) or {}
    except TimeoutError:
        answer = {}
    if answer.get("go"):
        return {0: line}
    line.close()
    if "missing" in answer:
        raise UserError(f"process {answer['missing']} of {processes} did not come to {where} in time")
    raise UserError(f"process {process}: {answer.get('refused') or f'{where} is not process 0 of this run'}")


def _watch(number: int, line: _Line, lines: dict[int, _Line], over, noticed: _Noticed, lost) -> None:
    message = line.receive(None)
    if over.is_set() or message == BYE:
        return
    gone = (message or {}).get("lost", number)
    for other in lines.values():
        other.send({"lost": gone})
    noticed.text = (
        f"process {gone} has ended, and so does this one; what was saved is whole: run the same commands to"
        " continue"
    )
    noticed.event.set()
    if not over.wait(GRACE_S):
        lost(noticed.text)


def _end(text: str) -> None:
    print(f"dmljax: {text}", file=sys.stderr, flush=True)
    os._exit(1)
