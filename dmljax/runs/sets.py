"""The set of a run: read, split by people, searched for near-duplicates, described."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from dmljax import config as configuration
from dmljax import run_folder
from dmljax.data import duplicates, feeds, images, memory, splits
from dmljax.data.labels import unmirrored
from dmljax.preparation.opening import open_samples
from dmljax.runs import kept_tables
from dmljax.types import Samples


class Set(NamedTuple):
    """A feed over the samples that can be read, who trains and tests, pairs of images on both sides that are
    nearly the same, and the tables that were read, by field.
    """

    feed: Any
    split: splits.Split
    duplicates: list[tuple[int, int]] | None
    tables: dict[str, kept_tables.Table]

    @property
    def samples(self) -> Samples:
        return self.feed.samples


def open_feed(config, *, progress: bool = True):
    """Reads the configured set: the feed of all its images.

    Raises:
      UserError: a field out of its range, or a set that cannot be read.
    """
    configuration.check(config)
    samples = open_samples(config, progress=progress)
    if config.data.feed == "resident" and config.data.memory == "device":
        memory.check(
            samples,
            config.data.image_size,
            _room_on_device(),
            where="of the device's memory",
            instead="set data.memory=host, or data.feed=tfdata",
        )
    return feeds.build(
        config.data.feed,
        samples,
        image_size=config.data.image_size,
        memory=config.data.memory,
        progress=progress,
    )


def _room_on_device() -> int | None:
    """Bytes that are free on the first device; None where it does not say."""
    stats = jax.local_devices()[0].memory_stats() or {}
    return stats["bytes_limit"] - stats.get("bytes_in_use", 0) if "bytes_limit" in stats else None


def images_of(config) -> dict:
    """The fields that decide on the images of a run: two configurations that agree in them can share a
    feed.
    """
    config = kept_tables.by_content(config)
    data = {key: config.data[key] for key in ("feed", "image_size", "memory")}
    return {"dataset": config.dataset.to_dict(), "crop": config.crop.to_dict(), **data}


def open_set(config, *, progress: bool = True) -> Set:
    """Reads the configured set and splits it.

    Raises:
      UserError: a field out of its range, or a set that cannot be read or split so.
    """
    tables = kept_tables.read(config)
    feed = open_feed(config, progress=progress)
    chosen = config.split.to_dict() | {"kind": _kind(config)}
    split = splits.make(feed.samples, seed=config.seed, **chosen)
    apart = np.concatenate([split.validation, split.test])
    pairs = duplicates.across(feed.samples, split.train, apart, images.load, progress=progress)
    return Set(feed, split, pairs, tables)


def _kind(config) -> str:
    """How the set is split: a set to test on is the official test side."""
    return "given" if config.dataset.test else config.split.kind


def folds(config, run: Path) -> list[tuple[Any, Path]]:
    """The runs that a configuration asks for, and their folders: one, or with `split.fold` = -1 one for each
    fold, RUN/fold_0 and so on.

    Raises:
      UserError: a field out of its range.
    """
    configuration.check(config)
    if config.split.kind != "folds" or config.split.fold != -1:
        return [(config, run)]
    found = []
    for fold in range(config.split.folds):
        one = config.copy_and_resolve_references()
        one.split.fold = fold
        found.append((one, run_folder.of_fold(run, fold)))
    return found


def fingerprint(samples: Samples) -> str:
    """A short hash of references, labels and class names: another set, or another state of it, has another
    one.
    """
    digest = hashlib.sha256(
        json.dumps([samples.references, samples.expression_names, samples.pose_names]).encode()
    )
    for labels in (samples.expression, samples.pose, samples.identity):
        digest.update(np.ascontiguousarray(labels, np.int32).tobytes())
    return digest.hexdigest()[:16]


def without_mirror(samples: Samples) -> str:
    """Which poses have no mirror image among the set's poses, in words, and what to do."""
    names = ", ".join(f"'{name}'" for name in unmirrored(samples))
    return f"{samples.name} has no mirror image of the pose {names}; name poses by their yaw in degrees"


def describe(data: Set, config) -> str:
    """What is there, beside what the set's authors state, and what is to be told about it; a line each."""
    samples, split = data.samples, data.split
    people = [len(np.unique(samples.identity[part][samples.identity[part] >= 0])) for part in split]
    sides = ", ".join(
        f"{name} {len(part)} images of {count} people"
        for name, part, count in zip(split._fields, split, people)
        if len(part)
    )
    published = f" (published: {samples.published})" if samples.published else ""
    skipped = f", {len(samples.skipped)} files skipped" if samples.skipped else ""
    lines = [
        (
            f"{samples.name}: {len(samples)} images{published}{skipped}; {len(samples.expression_names)}"
            f" expressions, {len(samples.pose_names)} poses, {len(samples.identity_names)} identities;"
            f" {sides}"
        ),
        *samples.notes,
    ]
    if samples.partition is not None and not splits.uses_partition(samples, _kind(config)):
        lines.append(
            f"split.kind={config.split.kind}: the official split of {samples.name} (a manifest's column"
            " split) is not used; set split.kind=given to use it"
        )
    if (flip := config.augment.flip) and (lacking := unmirrored(samples)):
        all_lack = len(lacking) == len(samples.pose_names)
        which = "nothing is flipped" if all_lack else "five-tuples with these poses are not flipped"
        lines.append(f"augment.flip={flip:g}: {which}; {without_mirror(samples)}")
    if data.duplicates is None:
        lines.append("near-duplicates across the split were not looked for: too many pairs of images")
    elif data.duplicates:
        one, other = (samples.references[k] for k in data.duplicates[0])
        least = "at least " if len(data.duplicates) >= duplicates.MOST_PAIRS else ""
        lines.append(
            f"near-duplicates across the split: {least}{len(data.duplicates)} pairs (near_duplicates.csv),"
            f" e.g. '{one}' and '{other}'"
        )
    return "\n".join(lines)
