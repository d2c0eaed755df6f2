"""Preparing a set shard by shard: in parallel, in constant memory, going on where it was stopped.

A shard is a function of the set and its number, written aside and renamed; a set that was stopped ends with
the bytes of one that never was.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dmljax import bars, writing
from dmljax import workers as processes
from dmljax.data.duplicates import perceptual_hash
from dmljax.data.images import load
from dmljax.preparation import crop, prepared, shard_files
from dmljax.types import Samples, Skipped, UserError

PER_SHARD = 1024
_PARTS = "parts"


class Plan(NamedTuple):
    """What a preparation does; the same plan gives the same bytes.

    Attributes:
      samples: opens the set, without arguments; can be pickled, since workers call it.
      folder: where the version's files come to lie.
      size: side of the images in pixels.
      crop: keyword arguments of `crop.apply`.
      options: the set's own options, kept so that a training with others is refused.
      formats: of `shard_files.FORMATS`.
      per_shard: candidates in a shard.
      count: candidates in all.
    """

    samples: Callable[[], Samples]
    folder: Path
    size: int
    crop: dict
    options: dict
    formats: tuple[str, ...]
    per_shard: int
    count: int

    @property
    def shards(self) -> int:
        return -(-self.count // self.per_shard)

    def part(self, shard: int) -> Path:
        """What a finished shard leaves: which candidates it kept, which it skipped and why."""
        return self.folder / _PARTS / f"{shard:05d}.json"


def plan(
    samples: Callable[[], Samples],
    out: str,
    *,
    version: str,
    size: int,
    crop: dict,
    formats,
    options: dict | None = None,
    per_shard: int = PER_SHARD,
) -> Plan:
    """Opens the set, decides on the shards, and claims the folder OUT/<set>/<version>.

    Raises:
      UserError: an unknown format, a version that is none, or the folder holds another preparation.
    """
    formats = tuple(sorted(set(formats)))
    if not formats or not set(formats) <= set(shard_files.FORMATS):
        raise UserError(
            f"must be some of {', '.join(shard_files.FORMATS)}; got '{','.join(formats)}'",
            parameter="formats",
        )
    if len(version.split(".")) != 3 or not all(part.isdecimal() for part in version.split(".")):
        raise UserError(f"must be three numbers such as 1.0.0, got '{version}'", parameter="version")
    opened = samples()
    made = Plan(
        samples,
        Path(out) / opened.name / version,
        size,
        dict(crop),
        dict(options or {}),
        formats,
        per_shard,
        len(opened),
    )
    digest = hashlib.sha256("\n".join(opened.references).encode())
    for labels in (opened.expression, opened.pose, opened.identity):
        digest.update(np.ascontiguousarray(labels, np.int32).tobytes())
    if opened.angles is not None:
        digest.update(np.ascontiguousarray(opened.angles, np.float32).tobytes())
    _claim(
        made.folder,
        {
            "candidates": len(opened),
            "set": digest.hexdigest()[:16],
            "size": size,
            "crop": made.crop,
            "options": made.options,
            "formats": list(formats),
            "per_shard": per_shard,
        },
    )
    return made


def _claim(folder: Path, mark: dict) -> None:
    path = folder / prepared.PLAN
    try:
        if path.exists():
            before = json.loads(path.read_text(encoding="utf-8"))
            changed = [
                f"{key}: {before.get(key)} there, {value} here"
                for key, value in mark.items()
                if before.get(key) != value
            ]
            if changed:
                raise UserError(
                    f"'{folder}' holds another preparation ({'; '.join(changed)}); give another folder or"
                    " version, or delete it",
                    parameter="out",
                )
            return
        (folder / _PARTS).mkdir(parents=True, exist_ok=True)
        writing.as_json(path, mark)
    except OSError as error:
        raise UserError(f"'{folder}' cannot be written: {error.strerror}") from None


def write(made: Plan, *, workers: int = 0, beam: list[str] | None = None, progress: bool = True) -> None:
    """Makes the shards that are missing, and then what describes them.

    Args:
      workers: processes; 0: one for each core.
      beam: options of an Apache Beam pipeline that makes the shards instead, such as
        ['runner=DirectRunner'].

    Raises:
      UserError: the folder cannot be written, a worker failed, or not one image is left.
    """
    if prepared.is_prepared(made.folder):
        return
    for cut in made.folder.rglob(writing.PARTS):  # what a kill left
        cut.unlink()
    missing = [shard for shard in range(made.shards) if not made.part(shard).exists()]
    if beam is not None:
        _by_beam(made, missing, beam)
    else:
        done = sum(len(_candidates(made, shard)) for shard in range(made.shards)) - sum(
            len(_candidates(made, shard)) for shard in missing
        )
        with bars.bar(
            total=made.count,
            initial=done,
            desc=f"preparing {made.folder.parent.name}",
            unit="image",
            show=progress,
            leave=True,
        ) as bar:
            processes.each(Shard(made), missing, bar, workers=workers, doing=f"preparing '{made.folder}'")
    parts = [json.loads(made.part(shard).read_text(encoding="utf-8")) for shard in range(made.shards)]
    kept = np.array([row for part in parts for row in part["kept"]], np.int64)
    skipped = tuple(Skipped(*row) for part in parts for row in part["skipped"])
    if not len(kept):
        first = f"; the first, '{skipped[0].reference}', {skipped[0].reason}" if skipped else ""
        raise UserError(f"{made.folder.parent.name}: not one of {made.count} images is left{first}")
    hashes = np.array([row for part in parts for row in part["hashes"]], np.uint64)
    samples = made.samples().take(kept, skipped).replace(hashes=hashes)
    prepared.finish(
        made.folder, samples, made.formats, made.size, [len(part["kept"]) for part in parts], made.options
    )


def _candidates(made: Plan, shard: int) -> range:
    return range(shard * made.per_shard, min((shard + 1) * made.per_shard, made.count))


def _by_beam(made: Plan, missing: list[int], options: list[str]) -> None:
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions

    with beam.Pipeline(options=PipelineOptions([f"--{option}" for option in options])) as pipeline:
        pipeline | beam.Create(missing) | beam.Reshuffle() | beam.Map(Shard(made))  # noqa: B018 (Beam's way of building)


class Shard:
    """Writes one shard of a plan: what a worker runs."""

    def __init__(self, made: Plan):
        self._plan, self._whole = made, None

    def __getstate__(self) -> dict:
        return {"_plan": self._plan, "_whole": None}  # each worker opens the set for itself, once

    def __call__(self, shard: int, report: Callable[[int], None] = lambda count: None) -> None:
        if self._whole is None:
            self._whole = self._plan.samples()
        made, whole = self._plan, self._whole
        numbers = _candidates(made, shard)
        samples = crop.apply(whole.take(np.array(numbers)), progress=False, **made.crop)
        skipped, kept = list(samples.skipped[len(whole.skipped) :]), {}
        number = dict(zip((whole.references[k] for k in numbers), numbers))
        report(len(numbers) - len(samples))

        def images() -> Iterator[tuple[int, np.ndarray]]:
            for k, reference in enumerate(samples.references):
                try:
                    pixels = load(samples, k, made.size)
                except UserError:
                    raise  # of the set, not of this image
                except ValueError as error:
                    skipped.append(Skipped.after(reference, error))
                else:
                    kept[number[reference]] = int(perceptual_hash(pixels))
                    yield k, pixels
                report(1)

        try:
            shard_files.write_shard(
                made.folder, samples, images(), made.formats, made.size, shard, made.shards
            )
            done = {"kept": list(kept), "hashes": list(kept.values()), "skipped": skipped}
            writing.as_json(made.part(shard), done, indent=None)
        except OSError as error:
            raise UserError(f"'{made.folder}' cannot be written: {error.strerror or error}") from None
