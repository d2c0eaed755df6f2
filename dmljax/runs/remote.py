"""A run's folder by its name: one of this machine, or the copy of one in a bucket.

DIFFERS: orbax and etils could write into a bucket themselves. But a run appends, renames and locks, which
buckets do not; so it does that in a folder of this machine.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import jax

from dmljax import run_folder
from dmljax.runs import lock, together
from dmljax.runs.buckets import Unreachable
from dmljax.runs.copies import Copy
from dmljax.types import UserError


class AtHand(NamedTuple):
    """A run's folder of this machine.

    Attributes:
      folder: it, or the copy of one in a bucket.
      hooks: of a training, which send after each checkpoint.
    """

    folder: Path
    hooks: tuple = ()


@contextlib.contextmanager
def training(run: str | Path, say: Callable[[str], None], *, progress: bool = True) -> Iterator[AtHand]:
    """The folder of a run that is trained in this block; of several processes, each has a copy.

    Args:
      run: a folder, or the URL of one in a bucket, gs://BUCKET/FOLDER.
      say: is told where the copy lies, and what has to be known.
      progress: show how far the fetching is.

    Raises:
      UserError: no name of a folder, a copy in which another process trains, or a bucket that cannot be
        reached. What could not be sent stays in the copy, and is sent the next time.
    """
    if not run_folder.is_url(run):
        yield AtHand(run_folder.named(run))
        return
    copy, first = Copy(str(run), say), jax.process_index() == 0
    with together.holding(copy.place, say):
        if first:
            copy.begin(progress=progress)  # the other processes fetch what it sends
        together.wait("a run is sent")
        if not first:
            copy.fetch(begins=True, progress=False)
        together.wait("a run is fetched")
        say(f"'{run}': its copy here is '{copy.folder}'")
        with _sent_in_the_end(copy, say, checkpoints=True) if first else contextlib.nullcontext():
            yield AtHand(copy.folder, (copy,) if first else ())


@contextlib.contextmanager
def at_hand(
    run: str | Path,
    say: Callable[[str], None],
    *,
    parameter: str = "run",
    writes: bool = True,
    progress: bool = True,
) -> Iterator[AtHand]:
    """The folder of a run that was trained, for whoever reads it or adds to it in this block.

    Args:
      run: a folder, or the URL of one in a bucket.
      say: is told where the copy lies.
      parameter: of the caller, that named it.
      writes: whether what is added is sent.
      progress: show how far the fetching is.

    Raises:
      UserError: no name of a folder, nothing there, or a bucket that cannot be reached.
    """
    if not run_folder.is_url(run):
        yield AtHand(run_folder.named(run, parameter))
        return
    copy = Copy(str(run), say)
    if not lock.is_held(copy.place):  # by a training of this machine, whose copy is the latest
        if not copy.fetch(progress=progress):
            raise UserError(f"there is no run in '{run}', or it cannot be read", parameter=parameter)
        if writes:
            copy.send(checkpoints=False)  # what an earlier start could not
    say(f"'{run}': its copy here is '{copy.folder}'")
    with _sent_in_the_end(copy, say, checkpoints=False) if writes else contextlib.nullcontext():
        yield AtHand(copy.folder)


def fetched(
    run: str | Path,
    say: Callable[[str], None] = lambda _: None,
    *,
    parameter: str = "run",
    progress: bool = True,
) -> Path:
    """A run's folder, or the copy of one in a bucket as it lies there now, to be read.

    Raises:
      UserError: as `at_hand`.
    """
    with at_hand(run, say, parameter=parameter, writes=False, progress=progress) as found:
        return found.folder


@contextlib.contextmanager
def _sent_in_the_end(copy: Copy, say: Callable[[str], None], *, checkpoints: bool) -> Iterator[None]:
    """Sends what changed, also where the block ends with an error, which is the one that is raised."""
    try:
        yield
    except BaseException:
        try:
            copy.send(checkpoints=checkpoints)
        except Unreachable as error:
            say(f"{error}; what was not sent lies in '{copy.folder}'")
        except UserError:  # of a training that stopped because another one has begun, which is told
            pass
        raise
    copy.send(checkpoints=checkpoints)
