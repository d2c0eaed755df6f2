"""A folder in a bucket, by fsspec: what was sent to it, and the moving of files.

A bucket knows neither renaming nor appending, and a sending may be cut off. So a list of all files is written
after them: what it does not name was not sent to its end, or is somebody's own.
"""

from __future__ import annotations

import contextlib
import json
import logging
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from dmljax import bars, extras, run_folder, writing
from dmljax.types import UserError

LIST = ".sent.json"
TOGETHER = 32  # files that are moved at a time
_CLIENTS = {"gs": "gcsfs", "gcs": "gcsfs", "s3": "s3fs", "s3a": "s3fs"}
_HERE = ("file", "local")  # schemes of this machine's own folders


class Mark(NamedTuple):
    """By which two states of a file are told apart.

    Attributes:
      size: bytes.
      time: of its last change, in ns; 0: not known.
    """

    size: int
    time: int


class Listed(NamedTuple):
    """Which files there are.

    Attributes:
      state: another one after every sending; '': no list of any bucket.
      files: by their paths below the folder.
    """

    state: str
    files: dict[str, Mark]

    def write(self, path: Path) -> None:
        """Writes it as a file of this machine."""
        writing.as_json(path, self._asdict(), indent=None)

    @classmethod
    def of_text(cls, text: str | bytes) -> Listed:
        """What was written.

        Raises:
          ValueError, TypeError, KeyError: it is something else.
        """
        found = json.loads(text)
        return cls(
            str(found["state"]), {name: Mark(*map(int, mark)) for name, mark in found["files"].items()}
        )


def new_state() -> str:
    """A name for what comes of a sending."""
    return uuid.uuid4().hex


class Unreachable(UserError):
    """A bucket did not answer as it should; the same may work later."""


class Bucket:
    """A folder in a bucket.

    Args:
      url: gs://BUCKET/FOLDER, s3://BUCKET/FOLDER, or of another scheme that fsspec knows.

    Raises:
      UserError: fsspec knows no such scheme, or its client is not installed.
    """

    def __init__(self, url: str):
        scheme = url.split("://")[0]
        extras.require("buckets", "fsspec", purpose=f"folders in {scheme}://")
        if client := _CLIENTS.get(scheme):
            extras.require("buckets", client, purpose=f"folders in {scheme}://")
        import fsspec

        # its own lines about a failure, which is raised as well
        logging.getLogger("gcsfs").setLevel(logging.CRITICAL)
        how = {"auto_mkdir": True} if scheme in _HERE else {}
        self.url = url.rstrip("/")
        try:
            self._files, root = fsspec.url_to_fs(self.url, **how)
        except (ImportError, ValueError, TypeError) as error:
            raise UserError(f"'{url}' cannot be opened: {error}") from None
        self._root = root.rstrip("/")

    def listed(self) -> Listed:
        """What was sent; of a folder without a list, such as one that was copied by hand, what lies there.

        Raises:
          Unreachable: it cannot be read, or is no list.
        """
        with self._told("read"):
            try:
                return Listed.of_text(self._files.cat_file(self._at(LIST)))
            except FileNotFoundError:
                files = {name: Mark(size, 0) for name, size in self._lying().items()}
        state = run_folder.digest(json.dumps(sorted(files.items())).encode())
        return Listed(f"copied-{state}", files)

    def get(self, names: Iterable[str], folder: Path, *, progress: bool) -> None:
        """Fetches files into a folder.

        Raises:
          Unreachable: one of them cannot be read.
        """
        for part in self._parts(names, f"fetching {self.url}", progress):
            for name in part:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
            with self._told("read"):
                self._files.get([self._at(name) for name in part], [str(folder / name) for name in part])

    def put(self, names: Iterable[str], folder: Path) -> None:
        """Sends files of a folder.

        Raises:
          Unreachable: one of them cannot be written.
        """
        for part in self._parts(names, f"sending to {self.url}", show=False):
            with self._told("written to"):
                self._files.put([str(folder / name) for name in part], [self._at(name) for name in part])

    def put_list(self, listed: Listed) -> None:
        """Says what was sent; from now on it is what the bucket holds.

        Raises:
          Unreachable: it cannot be written.
        """
        with self._told("written to"):
            self._files.pipe_file(self._at(LIST), json.dumps(listed._asdict()).encode())

    def remove(self, names: Iterable[str]) -> None:
        """Removes files, if they are there.

        Raises:
          Unreachable: one of them cannot be removed.
        """
        for name in names:
            with self._told("written to"), contextlib.suppress(FileNotFoundError):
                self._files.rm_file(self._at(name))

    def lying(self) -> list[str]:
        """Paths of all files below the folder, whether they were listed or not.

        Raises:
          Unreachable: it cannot be read.
        """
        with self._told("read"):
            return list(self._lying())

    def _lying(self) -> dict[str, int]:
        """Bytes by path."""
        self._files.invalidate_cache()
        try:
            found = self._files.find(self._root, detail=True)
        except FileNotFoundError:
            return {}
        below = len(self._root) + 1
        return {path[below:]: int(info["size"]) for path, info in found.items() if path[below:] != LIST}

    def _at(self, name: str) -> str:
        return f"{self._root}/{name}"

    @staticmethod
    def _parts(names: Iterable[str], desc: str, show: bool) -> Iterator[list[str]]:
        names = sorted(names)
        with bars.bar(desc=desc, unit="file", show=show, total=len(names)) as bar:
            for first in range(0, len(names), TOGETHER):
                part = names[first : first + TOGETHER]
                yield part
                bar.update(len(part))

    @contextlib.contextmanager
    def _told(self, done: str) -> Iterator[None]:
        """Tells of whatever goes wrong in one line: clients of buckets fail in any way."""
        try:
            yield
        except UserError:
            raise
        except Exception as error:
            why = " ".join(str(error).split())[:300] or type(error).__name__
            raise Unreachable(f"'{self.url}' cannot be {done}: {why}") from error
