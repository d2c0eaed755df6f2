"""What a run's folder holds, for whoever sends it elsewhere: files, and checkpoints, whole ones or none."""

from __future__ import annotations

import contextlib
import fnmatch
import os
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from dmljax import run_folder, writing
from dmljax.runs import lock
from dmljax.types import CHECKPOINTS

PASSING = (lock.FILE, writing.PARTS, "*.orbax-checkpoint-tmp*")  # patterns of what is not the run's for long


class Mark(NamedTuple):
    """By which two states of a file of this machine are told apart.

    Attributes:
      size: bytes.
      time: of its last change, in ns.
    """

    size: int
    time: int


class Contents(NamedTuple):
    """Of a run's folder here; paths are those below it.

    Attributes:
      files: outside of checkpoints.
      checkpoints: bytes of the files of each, by its folder such as 'checkpoints/last/20'.
    """

    files: dict[str, Mark]
    checkpoints: dict[str, dict[str, int]]


def is_passing(name: str) -> bool:
    """Whether a file is not the run's for long: a lock, or a part of something that is being written."""
    return any(fnmatch.fnmatch(part, pattern) for part in PurePosixPath(name).parts for pattern in PASSING)


def contents(folder: Path) -> Contents:
    """What a run's folder holds now."""
    files: dict[str, Mark] = {}
    checkpoints: dict[str, dict[str, int]] = {}
    # unlike rglob, walk bears that a folder is removed meanwhile
    every = [Path(base, name) for base, _, names in os.walk(folder) for name in names]
    for path in sorted(every):
        name = path.relative_to(folder).as_posix()
        if is_passing(name):
            continue
        with contextlib.suppress(FileNotFoundError):  # it was just removed
            if not path.is_file():
                continue
            about = path.stat()
            if of := checkpoint_of(name):
                checkpoints.setdefault(of, {})[name] = about.st_size
            else:
                files[name] = Mark(about.st_size, about.st_mtime_ns)
    return Contents(files, checkpoints)


def checkpoint_of(name: str) -> str:
    """The folder of the checkpoint that a file belongs to; '' of other files."""
    parts = PurePosixPath(name).parts
    if run_folder.CHECKPOINTS not in parts[:-1]:
        return ""
    first = parts.index(run_folder.CHECKPOINTS) + 1
    end = first + (2 if parts[first] in CHECKPOINTS else 1)  # last/20, or damaged_20
    return "/".join(parts[:end]) if len(parts) > end else ""


def kind_of(checkpoint: str) -> str:
    """The folder in which the checkpoints of one kind lie."""
    return checkpoint.rpartition("/")[0]


def step_of(checkpoint: str) -> int:
    """The step of a checkpoint; -1 of one that is named otherwise."""
    name = checkpoint.rpartition("/")[2]
    return int(name) if name.isascii() and name.isdecimal() else -1


def replaced(checkpoint: str, others: Iterable[str]) -> bool:
    """Whether one of the others is of the same kind and of a later step."""
    return any(
        kind_of(other) == kind_of(checkpoint) and step_of(other) > step_of(checkpoint) for other in others
    )
