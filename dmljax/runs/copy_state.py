"""What is known of a copy of a run: what was the same in it and in the bucket, kept in a file beside it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from dmljax import run_folder, writing
from dmljax.runs.contents import Mark
from dmljax.types import UserError

FILE = "state.json"


class Known(NamedTuple):
    """A file when it was the same here and in the bucket.

    Attributes:
      version: of the bucket's, see `Bucket.files`.
      mark: of the one here.
    """

    version: str
    mark: Mark


class Checkpoint(NamedTuple):
    """A checkpoint when it was the same here and in the bucket.

    Attributes:
      version: of the mark that says in the bucket that it is whole; '': of a folder that was copied there.
      files: bytes of each.
    """

    version: str
    files: dict[str, int]


class State(NamedTuple):
    """What was the same here and in the bucket.

    Attributes:
      trainer: name of the training that had begun last.
      files: outside of checkpoints.
      checkpoints: by their folders.
    """

    trainer: str
    files: dict[str, Known]
    checkpoints: dict[str, Checkpoint]

    def mark(self, name: str) -> Mark | None:
        """Of a file when it was the same; None of one that never was."""
        return self.files[name].mark if name in self.files else None

    def is_made_here(self, checkpoint: str, sizes: dict[str, int]) -> bool:
        """Whether a checkpoint of these files is none that was the same in the bucket; one that lacks files
        is no other one.
        """
        known = self.checkpoints.get(checkpoint)
        return known is None or not sizes.keys() <= known.files.keys()

    def write(self, place: Path) -> None:
        """Keeps it in a folder."""
        writing.as_json(place / FILE, self._asdict(), indent=None)


NOTHING = State("", {}, {})


def read(place: Path) -> State:
    """What was kept in a folder; nothing of a file that is missing or cannot be read."""
    try:
        found = run_folder.read(place / FILE)
        files = {
            name: Known(str(version), Mark(*map(int, mark)))
            for name, (version, mark) in found["files"].items()
        }
        checkpoints = {
            name: Checkpoint(str(version), dict(sizes))
            for name, (version, sizes) in found["checkpoints"].items()
        }
        return State(str(found["trainer"]), files, checkpoints)
    except (UserError, ValueError, TypeError, KeyError, AttributeError):
        return NOTHING
