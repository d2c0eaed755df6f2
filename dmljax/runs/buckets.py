"""A folder in a bucket, by fsspec: which files lie there, and moving them."""

from __future__ import annotations

import contextlib
import datetime
import json
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from dmljax import bars, extras, run_folder
from dmljax.types import UserError

TOGETHER = 32  # files that are moved at a time
_CLIENTS = {"gs": "gcsfs", "gcs": "gcsfs", "s3": "s3fs", "s3a": "s3fs"}
_TRIED = ".tried"
_OF_THIS_MACHINE = ("file", "local")
# fields of fsspec's descriptions that differ between two versions of a file
_VERSION = ("size", "etag", "ETag", "md5Hash", "generation", "updated", "LastModified", "mtime", "created")


class Lying(NamedTuple):
    """A file in a bucket.

    Attributes:
      version: a digest that another version of it does not have.
      time: of its last change, in seconds; 0: not known.
      size: bytes.
    """

    version: str
    time: float
    size: int


class Unreachable(UserError):
    """A bucket did not answer as it should; the same may work later."""


class Bucket:
    """A folder in a bucket.

    Args:
      url: gs://BUCKET/FOLDER, s3://BUCKET/FOLDER, or of another scheme that fsspec knows.

    Attributes:
      url: without a / at its end.

    Raises:
      UserError: no folder in a bucket, a scheme that fsspec does not know, or one whose client is missing.
    """

    def __init__(self, url: str):
        scheme, _, place = url.partition("://")
        if "/" not in place.strip("/") and (scheme in _CLIENTS or not place.strip("/")):
            raise UserError(f"'{url}' names no folder in a bucket; give one such as gs://BUCKET/runs/quick")
        extras.require("buckets", "fsspec", purpose=f"folders in {scheme}://")
        if client := _CLIENTS.get(scheme):
            extras.require("buckets", client, purpose=f"folders in {scheme}://")
        import fsspec

        # its own lines about a failure, which is raised as well
        logging.getLogger("gcsfs").setLevel(logging.CRITICAL)
        options = {"auto_mkdir": True} if scheme in _OF_THIS_MACHINE else {}
        self.url = url.rstrip("/")
        try:
            self._client, root = fsspec.url_to_fs(self.url, **options)
        except (ImportError, ValueError, TypeError) as error:
            raise UserError(
                f"'{url}' cannot be opened: {error}; give one such as gs://BUCKET/runs/quick"
            ) from None
        self._root = root.rstrip("/")

    def files(self) -> dict[str, Lying]:
        """The files below the folder by their paths.

        Raises:
          Unreachable: they cannot be listed.
        """
        with self._errors("files cannot be listed"):
            self._client.invalidate_cache()
            try:
                found = self._client.find(self._root, detail=True)
            except FileNotFoundError:
                return {}
        names = {path: path[len(self._root) + 1 :] for path in found}
        return {
            names[path]: Lying(_version(info), _time(info), int(info["size"]))
            for path, info in found.items()
            # neither what stands for an empty folder, nor what a try was killed with
            if names[path] not in ("", _TRIED) and not names[path].endswith("/")
        }

    def check_writable(self) -> None:
        """Tells a bucket that is not there, or not to be written, from an empty one.

        Raises:
          Unreachable: nothing can be written there.
        """
        self.write(_TRIED, b"")
        self.remove([_TRIED])

    def get(self, names: Iterable[str], folder: Path, *, progress: bool = False) -> None:
        """Fetches files into a folder.

        Raises:
          Unreachable: one of them cannot be fetched.
        """
        for part in self._parts(names, f"fetching {self.url}", progress):
            for name in part:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
            with self._errors("files cannot be fetched"):
                self._client.get([self._at(name) for name in part], [str(folder / name) for name in part])

    def put(self, names: Iterable[str], folder: Path) -> None:
        """Sends files of a folder, each as a whole.

        Raises:
          Unreachable: one of them cannot be sent.
        """
        for part in self._parts(names, f"sending to {self.url}", progress=False):
            with self._errors("files cannot be sent"):
                self._client.put([str(folder / name) for name in part], [self._at(name) for name in part])

    def read(self, name: str) -> bytes | None:
        """A small file; None where it does not lie there.

        Raises:
          Unreachable: it cannot be fetched.
        """
        with self._errors("files cannot be fetched"):
            try:
                return self._client.cat_file(self._at(name))
            except FileNotFoundError:
                return None

    def write(self, name: str, content: bytes) -> None:
        """Sends a small file.

        Raises:
          Unreachable: it cannot be sent.
        """
        with self._errors("files cannot be sent"):
            self._client.pipe_file(self._at(name), content)

    def remove(self, names: Iterable[str]) -> None:
        """Removes files, as far as they lie there.

        Raises:
          Unreachable: one of them cannot be removed.
        """
        for name in names:
            with self._errors("files cannot be removed"), contextlib.suppress(FileNotFoundError):
                self._client.rm_file(self._at(name))

    def _at(self, name: str) -> str:
        return f"{self._root}/{name}"

    @staticmethod
    def _parts(names: Iterable[str], desc: str, progress: bool) -> Iterator[list[str]]:
        ordered = sorted(names)
        with bars.bar(desc=desc, unit="file", show=progress, total=len(ordered)) as bar:
            for first in range(0, len(ordered), TOGETHER):
                part = ordered[first : first + TOGETHER]
                yield part
                bar.update(len(part))

    @contextlib.contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        """Whatever goes wrong in one line: clients of buckets fail in any way."""
        try:
            yield
        except Exception as error:
            why = " ".join(str(error).split())[:300] or type(error).__name__
            raise Unreachable(f"'{self.url}': {what}: {why}") from error


def _version(info: dict) -> str:
    told = {key: str(info[key]) for key in _VERSION if key in info}
    return run_folder.digest(json.dumps(told, sort_keys=True).encode())


def _time(info: dict[str, Any]) -> float:
    """fsspec's clients tell it as a number, a date, or its text."""
    told = next((info[key] for key in ("LastModified", "updated", "mtime", "created") if info.get(key)), 0)
    if isinstance(told, str):
        with contextlib.suppress(ValueError):
            told = datetime.datetime.fromisoformat(told)
    if isinstance(told, datetime.datetime):
        return told.timestamp()
    return float(told) if isinstance(told, int | float) else 0.0
