"""One process, or one group of processes, at a time in a folder that is written to."""

from __future__ import annotations

import contextlib
import datetime
import errno
import json
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # no POSIX system: there are no such locks
    fcntl = None  # type: ignore[assignment]

from dmljax.types import UserError

FILE, TURN = ".lock", ".turn"
HELD = (errno.EWOULDBLOCK, errno.EACCES)
NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


@contextlib.contextmanager
def held(folder: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Holds FOLDER/.lock, which tells the others who is there; the folder is made if it is missing.

    The lock is the operating system's: it ends with its process, however that ends, and holds between
    machines where the file server knows locks (NFS does). Where it does not, `say` is told.

    Raises:
      UserError: another process holds it; the text names host, process and since when.
    """
    fresh = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        file = _acquire(folder, say)
        try:
            yield
        finally:
            if file is not None:
                (folder / FILE).unlink(missing_ok=True)
                os.close(file)
    finally:
        if fresh:
            with contextlib.suppress(OSError):  # it is not empty
                folder.rmdir()


@contextlib.contextmanager
def turn(folder: Path) -> Iterator[None]:
    """One process at a time in this block, where the file system has locks; others wait."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / TURN, "wb") as file:
        if fcntl is not None:
            with contextlib.suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_EX)
        yield


def is_held(folder: Path) -> bool:
    """Whether a process holds a folder by `held`."""
    try:
        file = os.open(folder / FILE, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except OSError as error:
        return error.errno in HELD
    finally:
        os.close(file)


def _acquire(folder: Path, say: Callable[[str], None]) -> int | None:
    """The open lock file, or None where the file system has no locks."""
    path = folder / FILE
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            if fcntl is None:
                raise OSError(errno.ENOSYS, "this system has no file locks")
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(file)
            if error.errno in HELD:
                raise UserError(
                    f"'{folder}' is in use by {holder(folder)}; let it end first, or give another folder"
                ) from None
            if error.errno in NO_LOCKS:
                say(f"'{folder}' cannot be locked ({error.strerror}): see to it that no other run uses it")
                return None
            raise
        if _same(file, path):  # and not one that its holder has just removed
            break
        os.close(file)
    since = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
    text = json.dumps({"host": socket.gethostname(), "process": os.getpid(), "since": since}) + "\n"
    os.truncate(file, 0)
    os.pwrite(file, text.encode(), 0)
    os.fsync(file)  # seen by other machines too
    return file


def _same(file: int, path: Path) -> bool:
    try:
        there = os.stat(path)
    except FileNotFoundError:
        return False
    here = os.fstat(file)
    return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)


def holder(folder: Path) -> str:
    """Who holds a folder, in words."""
    try:
        who = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return f"process {who['process']} on {who['host']}, since {who['since']}"
    except (OSError, ValueError, KeyError, TypeError):  # it is just being written
        return "another process"
