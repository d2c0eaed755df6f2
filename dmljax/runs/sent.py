"""What of a run lies in a bucket: its files, its checkpoints, and which training goes on with it."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import socket
import uuid
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from dmljax.runs.buckets import Bucket, Lying, Unreachable
from dmljax.runs.contents import checkpoint_of, kind_of

WHOLE = ".sent"  # in a checkpoint's folder, written last: the bytes of each of its files
TRAINER = ".training.json"  # which training began last


class Sent(NamedTuple):
    """What lies there.

    Attributes:
      trainer: name of the training that began last; '': none did.
      files: those outside of checkpoints.
      checkpoints: the files of each that is whole.
      every: all files.
    """

    trainer: str
    files: dict[str, Lying]
    checkpoints: dict[str, list[str]]
    every: dict[str, Lying]


def read(bucket: Bucket) -> Sent:
    """What lies in a bucket now. Of a folder that somebody copied there, all checkpoints are taken for whole.

    Raises:
      Unreachable: it cannot be read.
    """
    every = bucket.files()
    made_by_hand = TRAINER not in every and not any(name.endswith(f"/{WHOLE}") for name in every)
    checkpoints: dict[str, list[str]] = {}
    for name in every:
        if (of := checkpoint_of(name)) and PurePosixPath(name).name != WHOLE:
            checkpoints.setdefault(of, []).append(name)
    if not made_by_hand:
        checkpoints = {of: names for of, names in checkpoints.items() if _is_whole(bucket, of, names, every)}
    apart = (name for name in every if not checkpoint_of(name) and PurePosixPath(name).name != TRAINER)
    files = {name: every[name] for name in apart}
    return Sent(trainer(bucket).get("name", "") if TRAINER in every else "", files, checkpoints, every)


def _is_whole(bucket: Bucket, checkpoint: str, names: list[str], every: dict[str, Lying]) -> bool:
    """Whether the files of a checkpoint are those that were sent."""
    if f"{checkpoint}/{WHOLE}" not in every:
        return False
    sizes = {_inside(checkpoint, name): every[name].size for name in names}
    try:
        return json.loads(bucket.read(f"{checkpoint}/{WHOLE}") or b"") == sizes
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
    for checkpoint, names in there.checkpoints.items():  # of a folder that somebody copied there
        if f"{checkpoint}/{WHOLE}" not in there.every:
            _mark(bucket, checkpoint, {name: there.every[name].size for name in names})
    since = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
    name = uuid.uuid4().hex
    who = {"name": name, "host": socket.gethostname(), "process": os.getpid(), "since": since}
    bucket.write(TRAINER, json.dumps(who).encode())
    return name


def send_checkpoint(
    bucket: Bucket, folder: Path, checkpoint: str, names: list[str], there: Iterable[str]
) -> None:
    """Sends a checkpoint, which counts when all of it lies there.

    Args:
      folder: of the run.
      names: the checkpoint's files.
      there: those of the bucket, among which may be some of a sending that was cut off.

    Raises:
      Unreachable: it cannot be written.
    """
    mark = f"{checkpoint}/{WHOLE}"
    if old := [name for name in there if checkpoint_of(name) == checkpoint]:
        bucket.remove([mark])
    bucket.put(names, folder)
    bucket.remove(name for name in old if name not in (*names, mark))
    _mark(bucket, checkpoint, {name: (folder / name).stat().st_size for name in names})


def remove_replaced(bucket: Bucket, kinds: set[str], kept: Iterable[str], there: Iterable[str]) -> None:
    """Removes checkpoints of some kinds that the training does not keep; where that fails, the next time.

    Args:
      kinds: folders of them, see `contents.kind_of`.
      kept: those that the training keeps.
      there: the files of the bucket.
    """
    there = list(there)
    lying = {of for name in there if (of := checkpoint_of(name))}
    for checkpoint in sorted(lying - set(kept)):
        if kind_of(checkpoint) in kinds:
            names = [name for name in there if checkpoint_of(name) == checkpoint]
            with contextlib.suppress(Unreachable):
                bucket.remove([f"{checkpoint}/{WHOLE}", *names])
