"""Reading a whole set once: which images can be read, their hashes and, if asked for, their pixels."""

from __future__ import annotations

import json
import pickle
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from dmljax import bars, workers
from dmljax.data.duplicates import perceptual_hashes
from dmljax.data.images import load
from dmljax.types import Samples, Skipped, UserError

_STRETCH = 16  # images that a thread reads at a time: handing over one by one takes as long as reading it
_SHARE = 1024  # images that a process reads at a time
MANY = 20_000  # images from which on processes are worth the second that it takes to start them
_READER = 1024  # bytes an image that what reads them may take on its way to a process: names, no pictures

Failed = dict[int, Skipped]  # by the number of the image


def read_all(
    samples: Samples, size: int, *, keep: bool = True, progress: bool = True, threads: int = 4
) -> tuple[Samples, np.ndarray | None]:
    """Reads every image once: the samples that can be read, with their perceptual hashes, and their pixels.

    Threads do it, but of a small image most is Python, which runs in one thread at a time. Many images that
    are only checked are therefore read by processes, one for each core, where what reads them can be handed
    over: a function of a module, or such a one with its arguments (`functools.partial`).

    Args:
      size: side of the square images in pixels.
      keep: return the pixels, uint8 [S, size, size, 3]; otherwise they are only checked, unless they were
        already, and None is returned.

    Raises:
      UserError: not a single image can be read.
    """
    if samples.hashes is not None and not keep:
        return samples, None
    if samples.prepare is not None:
        samples.prepare(samples.references, progress=progress)
    pixels = np.zeros((len(samples), size, size, 3), np.uint8) if keep else None
    with bars.bar(total=len(samples), desc=f"reading {samples.name}", unit="image", show=progress) as bar:
        if pixels is None and workers.cores() > 1 and len(samples) >= MANY and _can_be_handed_over(samples):
            hashes, failed = _by_processes(samples, size, bar)
        else:
            hashes, failed = _by_threads(samples, size, bar, pixels, threads)
    samples = samples.replace(hashes=hashes)
    if not failed:
        return samples, pixels
    if len(failed) == len(samples):
        first = failed[min(failed)]
        raise UserError(
            f"{samples.name}: none of the {len(samples)} images can be read; the first,"
            f" '{first.reference}', {first.reason}"
        )
    good = np.array([k for k in range(len(samples)) if k not in failed])
    skipped = tuple(failed[k] for k in sorted(failed))
    return samples.take(good, skipped), None if pixels is None else pixels[good]


def _read(
    samples: Samples, numbers: range, size: int, keep: Callable[[int, np.ndarray], None] | None = None
) -> tuple[np.ndarray, Failed]:
    """(perceptual hashes, uint64 [len(numbers)], 0 of what cannot be read; what cannot be read)."""
    good, pictures, failed = [], [], {}
    for place, k in enumerate(numbers):
        try:
            picture = load(samples, k, size)
        except UserError:
            raise  # of the set, not of this image
        except ValueError as error:
            failed[k] = Skipped.after(samples.references[k], error)
            continue
        good.append(place)
        pictures.append(picture)
        if keep is not None:
            keep(k, picture)
    hashes = np.zeros(len(numbers), np.uint64)
    hashes[good] = perceptual_hashes(pictures)
    return hashes, failed


def _by_threads(
    samples: Samples, size: int, bar: bars.Bar, pixels: np.ndarray | None, threads: int
) -> tuple[np.ndarray, Failed]:
    keep = None if pixels is None else pixels.__setitem__
    hashes, failed = [np.zeros(0, np.uint64)], {}
    with ThreadPoolExecutor(threads) as pool:
        for some, not_read in pool.map(
            lambda numbers: _read(samples, numbers, size, keep), _stretches(len(samples), _STRETCH)
        ):
            hashes.append(some)
            failed.update(not_read)
            bar.update(len(some))
    return np.concatenate(hashes), failed


def _by_processes(samples: Samples, size: int, bar: bars.Bar) -> tuple[np.ndarray, Failed]:
    shares = _stretches(len(samples), _SHARE)
    with tempfile.TemporaryDirectory() as folder:
        share = Share(samples.replace(prepare=None), size, folder)
        workers.each(share, shares, bar, doing=f"reading {samples.name}")
        found = [share.result(numbers) for numbers in shares]
    failed = {k: skipped for _, not_read in found for k, skipped in not_read.items()}
    return np.concatenate([hashes for hashes, _ in found]), failed


def _stretches(count: int, length: int) -> list[range]:
    return [range(count)[k : k + length] for k in range(0, count, length)]


def _can_be_handed_over(samples: Samples) -> bool:
    """Whether another process can read the images: what reads them holds no images, and can be pickled.

    What a script or a notebook defines itself is not there in another process.
    """
    if getattr(getattr(samples.read, "func", samples.read), "__module__", "") == "__main__":
        return False
    try:
        return len(pickle.dumps(samples.read)) <= _READER * len(samples)
    except (pickle.PicklingError, AttributeError, TypeError):
        return False


class Share:
    """A process's work: reads some images, and leaves what it found in a folder.

    Args:
      size: side of the square images in pixels.
      folder: where it is left until the parent takes it.
    """

    def __init__(self, samples: Samples, size: int, folder: str):
        self._samples, self._size, self._folder = samples, size, Path(folder)

    def __call__(self, numbers: range, report: Callable[[int], None]) -> None:
        """Reads images `numbers`; report(n) for every n that are read."""
        hashes, failed = np.zeros(len(numbers), np.uint64), {}
        for first in range(0, len(numbers), _STRETCH):  # no more pictures in memory than a thread holds
            some = numbers[first : first + _STRETCH]
            hashes[first : first + len(some)], not_read = _read(self._samples, some, self._size)
            failed.update(not_read)
            report(len(some))
        np.save(self._folder / f"{numbers.start}.npy", hashes)
        (self._folder / f"{numbers.start}.json").write_text(json.dumps(failed), encoding="utf-8")

    def result(self, numbers: range) -> tuple[np.ndarray, Failed]:
        """What was left of images `numbers`."""
        failed = json.loads((self._folder / f"{numbers.start}.json").read_text(encoding="utf-8"))
        hashes = np.load(self._folder / f"{numbers.start}.npy")
        return hashes, {int(k): Skipped(*skipped) for k, skipped in failed.items()}
