"""A run's folder in a bucket: the copy here in which one works, fetched before and sent after.

DIFFERS: orbax and etils could write into a bucket themselves. But a run appends, renames and locks, which
buckets do not; so it does that here, and only what is whole is sent: after each checkpoint, and at the end.
"""

from __future__ import annotations

import contextlib
import fnmatch
import os
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import jax

from dmljax import cache, run_folder, writing
from dmljax.runs import lock
from dmljax.runs.buckets import LIST, Bucket, Listed, Mark, Unreachable, new_state
from dmljax.types import UserError

PASSING = (lock.FILE, writing.PARTS, "*.orbax-checkpoint-tmp*")  # patterns of what is not the run's for long
TRIES = 3  # of a fetching while others send


class AtHand(NamedTuple):
    """A run's folder of this machine.

    Attributes:
      folder: it, or the copy of one in a bucket.
      hooks: of a training, which send after each checkpoint.
    """

    folder: Path
    hooks: tuple = ()


@contextlib.contextmanager
def at_hand(
    run: str | Path,
    say: Callable[[str], None],
    *,
    parameter: str = "run",
    writes: bool = True,
    progress: bool = True,
) -> Iterator[AtHand]:
    """A run's folder, in which one works in this block; what changed in the copy of one in a bucket is sent.

    Args:
      run: a folder, or the URL of one in a bucket, gs://BUCKET/FOLDER.
      say: is told where the copy lies.
      parameter: of the caller, that named it.
      writes: whether anything is sent.
      progress: show how far the fetching is.

    Raises:
      UserError: no name of a folder, a bucket that cannot be reached, or one whose run was changed elsewhere
        meanwhile. What could not be sent stays in the copy, and is sent the next time.
    """
    if not run_folder.is_url(run):
        yield AtHand(run_folder.named(run, parameter))
        return
    copy = Copy(str(run), say, sends=writes and jax.process_index() == 0)
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(lock.held(copy.place, say))
        except UserError:
            say(f"'{run}': another process works in its copy, '{copy.folder}', and sends what changes in it")
            yield AtHand(copy.folder)
            return
        copy.fetch(progress=progress)
        try:
            yield AtHand(copy.folder, (copy,))
        except BaseException:
            with contextlib.suppress(UserError):
                copy.send()
            raise
        copy.send()


def fetched(run: str | Path, say: Callable[[str], None] = lambda _: None, *, parameter: str = "run") -> Path:
    """A run's folder, or the copy of one in a bucket as it lies there now, to be read.

    Raises:
      UserError: no name of a folder, or a bucket that cannot be reached.
    """
    with at_hand(run, say, parameter=parameter, writes=False) as found:
        return found.folder


class Copy:
    """The copy here of a run's folder in a bucket; a hook of its training.

    Attributes:
      place: a folder that holds it, and what belongs to it.
      folder: the copy.

    Raises:
      UserError: no bucket, or no user's cache.
    """

    def __init__(self, url: str, say: Callable[[str], None], *, sends: bool):
        self._bucket, self._say, self._sends = Bucket(url), say, sends
        name = PurePosixPath(url.split("://", 1)[1]).name
        if not name:
            raise UserError(f"'{url}' names no folder in a bucket; give one such as gs://BUCKET/runs/quick")
        known = run_folder.digest(self._bucket.url.encode())[:12]
        others = f"-process{jax.process_index()}" if jax.process_index() else ""
        self.place = cache.default_folder("copies of runs") / "runs" / f"{known}{others}"
        self.folder = self.place / name
        self._base = Listed("", {})  # what the bucket held when the two were last made equal
        self._foreign = False  # whether others have sent since what is not here

    def fetch(self, *, progress: bool) -> None:
        """Makes the copy what the bucket holds; what was not sent yet is kept, here or aside.

        Raises:
          UserError: the bucket cannot be reached.
        """
        theirs, ours = self._bucket.listed(), self._ours()
        self.folder.mkdir(parents=True, exist_ok=True)
        unsent = ours is not None and _files(self.folder) != ours.files
        if ours is None or ours.state != theirs.state:
            if unsent:
                self._set_aside()
            theirs = self._download(theirs, progress=progress)
            if self._sends and not theirs.files:
                self._bucket.put_list(theirs)  # so that a bucket that cannot be written is known now
            self._say(f"'{self._bucket.url}': {len(theirs.files)} files; one works in '{self.folder}'")
        elif unsent:
            self._say(f"'{self.folder}' holds what was not sent to '{self._bucket.url}' yet, and goes on")
        self._base = theirs

    def _download(self, theirs: Listed, *, progress: bool) -> Listed:
        """Fetches what is not here, and removes what is not there; returns what was fetched."""
        for left in reversed(range(TRIES)):
            (self.place / LIST).unlink(missing_ok=True)  # until all is here
            here = _files(self.folder)
            for name in here.keys() - theirs.files.keys():
                (self.folder / name).unlink()
            _remove_empty(self.folder)
            wanted = {name: mark for name, mark in theirs.files.items() if here.get(name) != mark}
            try:
                self._bucket.get(wanted, self.folder, progress=progress)
                break
            except Unreachable:
                again = self._bucket.listed()
                if not left or again.state == theirs.state:
                    raise
                theirs = again  # a training has sent meanwhile, and removed its older checkpoints
        for name, mark in wanted.items():
            if mark.time:
                os.utime(self.folder / name, ns=(mark.time, mark.time))
        self._note(theirs.state)
        return theirs

    def send(self) -> None:
        """Sends what changed here since; what others sent meanwhile stays.

        Raises:
          Unreachable: the bucket cannot be written.
          UserError: others have changed the same files.
        """
        ours, here = self._ours(), _files(self.folder)
        if not self._sends or ours is None:
            return
        changed = {name: mark for name, mark in here.items() if ours.files.get(name) != mark}
        gone = ours.files.keys() - here.keys()
        if not changed and not gone:
            return
        theirs = self._bucket.listed()
        foreign = _differing(theirs, self._base)
        if both := sorted(foreign & (changed.keys() | gone)):
            raise UserError(
                f"'{self._bucket.url}' was changed by another process meanwhile ({', '.join(both[:3])});"
                f" nothing is sent, and what this one has made lies in '{self.folder}'. Let one process work"
                " there at a time"
            )
        self._bucket.put(changed, self.folder)
        files = {name: mark for name, mark in (theirs.files | changed).items() if name not in gone}
        now = Listed(new_state(), files)
        self._bucket.put_list(now)
        self._base, self._foreign = now, self._foreign or bool(foreign)
        Listed("" if self._foreign else now.state, here).write(self.place / LIST)
        cut_off = [name for name in self._bucket.lying() if _of_checkpoint(name) and name not in files]
        self._bucket.remove({*gone, *cut_off})

    def on_save(self, kind: str, step: int, folder: Path) -> None:
        """Sends after a checkpoint; where the bucket cannot be reached, the next time."""
        try:
            self.send()
        except Unreachable as error:
            self._say(f"{error}; the {kind} checkpoint of step {step} is sent with the next one")

    def _ours(self) -> Listed | None:
        """What was here when it was last what the bucket held; None where a fetching was cut off."""
        try:
            return Listed.of_text((self.place / LIST).read_text(encoding="utf-8"))
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def _note(self, state: str) -> None:
        Listed(state, _files(self.folder)).write(self.place / LIST)

    def _set_aside(self) -> None:
        number = 1
        while (aside := self.place / f"{self.folder.name}-unsent-{number}").exists():
            number += 1
        self.folder.rename(aside)
        self.folder.mkdir()
        self._say(
            f"'{self._bucket.url}' was changed elsewhere since this machine last sent to it; what was not"
            f" sent lies in '{aside}' now"
        )


def _files(folder: Path) -> dict[str, Mark]:
    """The files of a run, by their paths below its folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if any(fnmatch.fnmatch(part, pattern) for part in name.parts for pattern in PASSING):
            continue
        with contextlib.suppress(FileNotFoundError):  # it was just removed
            if path.is_file():
                about = path.stat()
                found[name.as_posix()] = Mark(about.st_size, about.st_mtime_ns)
    return found


def _remove_empty(folder: Path) -> None:
    """Removes folders without files below a folder: one that is named by a step is taken for a checkpoint."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir():
            with contextlib.suppress(OSError):  # it is not empty
                path.rmdir()


def _differing(one: Listed, other: Listed) -> set[str]:
    """Files that two lists know of differently."""
    if one.state == other.state:
        return set()
    return {name for name in one.files.keys() | other.files if one.files.get(name) != other.files.get(name)}


def _of_checkpoint(name: str) -> bool:
    return run_folder.CHECKPOINTS in PurePosixPath(name).parts
