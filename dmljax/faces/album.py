"""The album: pictures made once, in parallel, and kept on disk.

A picture is a function of its number, so an album comes out the same from one process or several, stopped or
not. It lies
in a folder of shards, each written aside and then renamed: a shard is whole or not there.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path

import numpy as np

from dmljax import bars, cache, writing
from dmljax.types import UserError
from dmljax.workers import each

_FEW = 32  # so many are not worth keeping


def is_album(path: Path) -> bool:
    """Whether a folder's name is that of an album."""
    return re.fullmatch(r".+-[0-9a-f]{12}", path.name) is not None


@lru_cache(maxsize=1)
def _code() -> str:
    """A hash of the generator's own files: pictures of another generator are other pictures."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


class Album:
    """Pictures number 0..count-1, uint8 [side, side, 3].

    Attributes:
      folder: where the shards lie; its name holds a hash of `key` and of the generator's code.
    """

    def __init__(
        self,
        name: str,
        key: dict,
        make: Callable[[int], np.ndarray],
        count: int,
        side: int,
        *,
        shard: int,
        folder: str | Path = "",
    ):
        """An album of `count` pictures, `shard` of them in a file; with more pictures later, whole shards are
        used again.

        `make` is called in other processes, so it has to be picklable; a ValueError of it marks the picture
        as defective.
        """
        self._make, self._count, self._side, self._per_shard = make, count, side, shard
        self._key = key | {"shard": shard, "side": side, "code": _code()}
        mark = hashlib.sha256(json.dumps(self._key, sort_keys=True).encode()).hexdigest()[:12]
        self.folder = Path(folder or cache.default_folder("rendered pictures")) / f"{name}-{mark}"

    def prepare(self, numbers: Iterable[int], *, progress: bool = True, workers: int = 0) -> Path:
        """Makes the shards of the pictures `numbers` that are missing, with `workers` processes (0: one for
        each core).

        A handful of pictures is left alone: they are made when they are read.

        Returns:
          the album's folder.

        Raises:
          UserError: the folder cannot be written, or a worker failed.
        """
        numbers = np.unique(np.fromiter(numbers, np.int64))
        there = {path.name for path in self.folder.glob("*.npz")} if self.folder.is_dir() else set()
        missing = [int(k) for k in np.unique(numbers // self._per_shard) if _name(k) not in there]
        if not missing or len(numbers) <= _FEW:
            return self.folder
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            writing.as_json(self.folder / "album.json", self._key)
        except OSError as error:
            raise UserError(
                f"pictures cannot be kept in '{self.folder}': {error.strerror}; set DMLJAX_CACHE to a folder"
                " that can be written"
            ) from None
        total = sum(len(self._numbers(k)) for k in missing)
        with bars.bar(total=total, desc=f"making {self.folder.name}", unit="image", show=progress) as bar:
            each(self._write, missing, bar, workers=workers, doing=f"making pictures in '{self.folder}'")
        return self.folder

    def read(self, number: int) -> np.ndarray:
        """Picture `number`: the one that is kept, or else made now.

        Raises:
          ValueError: it is defective; the text says why.
        """
        path = self.folder / _name(number // self._per_shard)
        if not path.is_file():
            return self._make(number)
        with _ONE_AT_A_TIME:
            pictures, failed = _shard(str(path))
        if str(number) in failed:
            raise ValueError(failed[str(number)])
        return pictures[number % self._per_shard]

    def _numbers(self, shard: int) -> range:
        return range(shard * self._per_shard, min((shard + 1) * self._per_shard, self._count))

    def _write(self, shard: int, report: Callable[[int], None]) -> None:
        numbers = self._numbers(shard)
        pictures, failed = np.zeros((len(numbers), self._side, self._side, 3), np.uint8), {}
        for k, number in enumerate(numbers):
            try:
                pictures[k] = self._make(number)
            except UserError:
                raise  # of the set, not of this picture
            except ValueError as error:
                failed[str(number)] = str(error)
            report(1)
        try:
            with writing.whole(self.folder / _name(shard)) as part, open(part, "wb") as file:
                np.savez(file, pictures=pictures, failed=json.dumps(failed))
        except OSError as error:
            raise UserError(
                f"'{self.folder}' cannot be written: {error.strerror}; set DMLJAX_CACHE to a folder with room"
            ) from None


def _name(shard: int) -> str:
    return f"{shard:05d}.npz"


# NumPy reads a file's header with `ast`, which in several threads of Python 3.11 raises SystemError now and
# then; and threads that want the same shard read it once.
_ONE_AT_A_TIME = threading.Lock()


@lru_cache(maxsize=8)
def _shard(path: str) -> tuple[np.ndarray, dict]:
    with np.load(path) as content:
        return content["pictures"], json.loads(str(content["failed"]))
