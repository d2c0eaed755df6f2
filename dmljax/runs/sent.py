"""What of a run lies in a bucket: its files, its checkpoints, and which training goes on with it."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import socket
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from dmljax.runs.buckets import Bucket, Lying, Unreachable
from dmljax.runs.contents import checkpoint_of, is_passing, kind_of, replaced

WHOLE = ".sent"  # in a checkpoint's folder, written last: the bytes of each of its files
TRAINER = ".training.json"  # which training began last


class Sent(NamedTuple):
    """What lies there.

    Attributes:
      trainer: name of the training that began last; '': none did.
      files: those outside of checkpoints.
      checkpoints: bytes of the files of each that is whole.
      every: all files.
    """

    trainer: str
    files: dict[str, Lying]
    checkpoints: dict[str, dict[str, int]]
    every: dict[str, Lying]

    def version(self, checkpoint: str) -> str:
        """Of the mark that says that a checkpoint is whole; '' where there is none."""
        mark = f"{checkpoint}/{WHOLE}"
        return self.every[mark].version if mark in self.every else ""


def read(bucket: Bucket) -> Sent:
    """What lies in a bucket now. Of a folder that somebody copied there, all checkpoints are taken for whole.

    Raises:
      Unreachable: it cannot be read.
    """
    every = bucket.files()
    made_by_hand = TRAINER not in every and not any(name.endswith(f"/{WHOLE}") for name in every)
    checkpoints: dict[str, dict[str, int]] = {}
    for name, lying in every.items():
        if (of := checkpoint_of(name)) and PurePosixPath(name).name != WHOLE and not is_passing(name):
            checkpoints.setdefault(of, {})[name] = lying.size
    if not made_by_hand:
        checkpoints = {of: sizes for of, sizes in checkpoints.items() if _is_whole(bucket, of, sizes, every)}
    apart = (name for name in every if not checkpoint_of(name) and not is_passing(name))
    files = {name: every[name] for name in apart if PurePosixPath(name).name != TRAINER}
    return Sent(trainer(bucket).get("name", "") if TRAINER in every else "", files, checkpoints, every)


def _is_whole(bucket: Bucket, checkpoint: str, sizes: dict[str, int], every: Iterable[str]) -> bool:
    """Whether the files of a checkpoint are those that were sent."""
    if f"{checkpoint}/{WHOLE}" not in every:
        return False
    inside = {_inside(checkpoint, name): size for name, size in sizes.items()}
    try:
        return json.loads(bucket.read(f"{checkpoint}/{WHOLE}") or b"") == inside
    except ValueError:
        return False


def _mark(bucket: Bucket, checkpoint: str, sizes: dict[str, int]) -> None:
    """Says that a checkpoint is whole, and of which files with how many bytes it is."""
    inside = {_inside(checkpoint, name): size for name, size in sizes.items()}
    bucket.write(f"{checkpoint}/{WHOLE}", json.dumps(inside).encode())


def _inside(checkpoint: str, name: str) -> str:
    """The path below the checkpoint's folder: the run's own may be named from a folder above it."""
    return name.removeprefix(f"{checkpoint}/")


def trainer(bucket: Bucket) -> dict[str, str]:
    """The training that began last: 'name', 'host', 'process', 'since'; {} where none did.

    Raises:
      Unreachable: it cannot be read.
    """
    try:
        found = json.loads(bucket.read(TRAINER) or b"{}")
        return {key: str(value) for key, value in found.items()}
    except (ValueError, AttributeError):
        return {}


def begin(bucket: Bucket) -> str:
    """Says that a training of this process goes on from here; returns the name that it gets.

    Raises:
      Unreachable: it cannot be written.
    """
    there = read(bucket)
    for checkpoint, sizes in there.checkpoints.items():  # of a folder that somebody copied there
        if f"{checkpoint}/{WHOLE}" not in there.every:
            _mark(bucket, checkpoint, sizes)
    since = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
    name = uuid.uuid4().hex
    who = {"name": name, "host": socket.gethostname(), "process": os.getpid(), "since": since}
    bucket.write(TRAINER, json.dumps(who).encode())
    return name


def send_checkpoint(
    bucket: Bucket,
    folder: Path,
    checkpoint: str,
    sizes: dict[str, int],
    there: Iterable[str],
    check: Callable[[], None],
) -> None:
    """Sends a checkpoint, which counts when all of it lies there.

    Args:
      folder: of the run.
      sizes: bytes of the checkpoint's files.
      there: those of the bucket, among which may be some of a sending that was cut off.
      check: raises where the checkpoint is not to count any more, though its files were sent.

    Raises:
      Unreachable: it cannot be written.
    """
    mark = f"{checkpoint}/{WHOLE}"
    if old := [name for name in there if checkpoint_of(name) == checkpoint]:
        bucket.remove([mark])
    bucket.put(sizes, folder)
    bucket.remove(name for name in old if name not in (*sizes, mark))
    check()
    _mark(bucket, checkpoint, sizes)


def remove_replaced(bucket: Bucket, kinds: set[str], kept: Iterable[str], there: Iterable[str]) -> None:
    """Removes checkpoints of some kinds that the training does not keep; where that fails, the next time.

    Args:
      kinds: folders of them, see `contents.kind_of`.
      kept: those that the training keeps.
      there: the files of the bucket.
    """
    there = list(there)
    lying = {of for name in there if (of := checkpoint_of(name))}
    kept = set(kept)
    for checkpoint in sorted(lying - kept):
        # a later one without a mark is somebody's own, or of a training that stopped
        theirs = f"{checkpoint}/{WHOLE}" not in there and not replaced(checkpoint, kept)
        if kind_of(checkpoint) in kinds and not theirs:
            names = [name for name in there if checkpoint_of(name) == checkpoint]
            with contextlib.suppress(Unreachable):
                bucket.remove([f"{checkpoint}/{WHOLE}", *names])
