"""The set of a run: read, split by people, searched for near-duplicates, described."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from dmljax import config as configuration
from dmljax import run_folder
from dmljax.data import correlated, duplicates, feeds, images, memory, order, splits
from dmljax.data.labels import unmirrored
from dmljax.preparation.opening import open_labels, open_samples
from dmljax.runs import kept_tables
from dmljax.types import Samples, UserError, counted

NAMED = 12  # classes of a head that are listed


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


def open_feed(
    config,
    *,
    progress: bool = True,
    check: Callable[[Samples], Any] | None = None,
    change: Callable[[Samples], Samples] = lambda samples: samples,
):
    """Reads the configured set: the feed of all its images.

    Args:
      check: called with the samples before their images are read, which may take long.
      change: what is to be read of the samples instead of all.

    Raises:
      UserError: a field out of its range, or a set that cannot be read.
    """
    configuration.check(config)
    samples = change(open_samples(config, progress=progress))
    if check is not None:
        check(samples)
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


def open_set(
    config, *, progress: bool = True, check: Callable[[Samples, splits.Split], Any] | None = None
) -> Set:
    """Reads the configured set and splits it.

    Args:
      check: called with the samples and their split before the images are read.

    Raises:
      UserError: a field out of its range, or a set that cannot be read or split so.
    """
    tables = kept_tables.read(config)
    chosen = config.split.to_dict() | {"kind": asked_split(config)}
    make = partial(splits.make, seed=config.seed, **chosen)

    def first(samples: Samples) -> None:
        with telling_skipped(samples):
            split = make(samples)
            if check is not None:
                check(samples, split)

    feed = open_feed(config, progress=progress, check=first)
    with telling_skipped(feed.samples):
        split = make(feed.samples)  # once more: images that cannot be read are left out
    apart = np.concatenate([split.validation, split.test])
    pairs = duplicates.across(feed.samples, split.train, apart, images.load, progress=progress)
    return Set(feed, split, pairs, tables)


@contextlib.contextmanager
def telling_skipped(samples: Samples) -> Iterator[None]:
    """Adds to errors about a set how many of its files were left out, and why the first of them was."""
    try:
        yield
    except UserError as error:
        if not samples.skipped:
            raise
        first, count = samples.skipped[0], len(samples.skipped)
        files = f"left out: {counted(count, 'file')} of {count + len(samples):,}"
        why = f"{error.message} ({files}, such as '{first.reference}': {first.reason})"
        raise UserError(why, parameter=error.parameter) from None


def asked_split(config) -> str:
    """How the set is to be split: a set to test on is the official test side."""
    return "given" if config.dataset.test else config.split.kind


def folds(config, run: Path) -> list[tuple[Any, Path]]:
    """The runs that a configuration asks for, and their folders: one, or with `split.fold` = -1 one for each
    fold, RUN/fold_0 and so on.

    Raises:
      UserError: a field out of its range.
    """
    configuration.check(config)
    by_fold = asked_split(config) in ("folds", "images")
    if by_fold and config.split.fold != -1:
        splits.check_fold(config.split.fold, config.split.folds)
    if not by_fold or config.split.fold != -1 or _gives_sides(config):
        return [(config, run)]
    found = []
    for fold in range(config.split.folds):
        one = config.copy_and_resolve_references()
        one.split.fold = fold
        found.append((one, run_folder.of_fold(run, fold)))
    return found


def _gives_sides(config) -> bool:
    """Whether nobody of the set is known and it says itself who tests, so that there are no folds."""
    kind = asked_split(config)
    return kind != "images" and splits.possible(open_labels(config), kind) == "given"


def fingerprint(samples: Samples) -> str:
    """A short hash of references, labels and class names: another set, or another state of it, has another
    one.
    """
    digest = hashlib.sha256(
        json.dumps([samples.references, samples.expression_names, samples.pose_names]).encode()
    )
    for labels in (samples.expression, samples.pose, samples.identity):
        digest.update(np.ascontiguousarray(labels, np.int32).tobytes())
    if samples.angles is not None:
        digest.update(np.ascontiguousarray(samples.angles, np.float32).tobytes())
    return digest.hexdigest()[:16]


def without_mirror(samples: Samples) -> str:
    """Which poses have no mirror image among the set's poses, in words, and what to do."""
    names = ", ".join(f"'{name}'" for name in unmirrored(samples))
    return f"{samples.name} has no mirror image of the pose {names}; name poses by their yaw in degrees"


def _classes(samples: Samples) -> list[str]:
    """The names of expressions and poses, the first ones where there are many."""
    found = {"expressions": samples.expression_names, "poses": samples.pose_names}
    listed = lambda names: ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")
    named = [f"{column} {listed(names)}" for column, names in found.items() if names]
    return ["; ".join(named)] if named else []


def describe(data: Set, config) -> str:
    """What is there, beside what the set's authors state, and what is to be told about it; a line each."""
    samples, split = data.samples, data.split
    people = [len(np.unique(samples.identity[part][samples.identity[part] >= 0])) for part in split]
    nobody = splits.nobody(samples)
    sides = ", ".join(
        f"{name} {len(part)} images" + ("" if nobody else f" of {count} people")
        for name, part, count in zip(split._fields, split, people)
        if len(part)
    )
    published = f" (published: {samples.published})" if samples.published else ""
    skipped = f", {counted(len(samples.skipped), 'file')} skipped" if samples.skipped else ""
    angles = [f"{name} of {count}" for name, count in samples.angles_known.items()]
    known = f" {', '.join(angles)} images;" if angles else ""
    lines = [
        (
            f"{samples.name}: {len(samples)} images{published}{skipped}; {len(samples.expression_names)}"
            f" expressions, {len(samples.pose_names)} poses, {len(samples.identity_names)} identities;{known}"
            f" {sides}"
        ),
        *_classes(samples),
        *samples.notes,
    ]
    if config.split.shown:
        at_own = correlated.share(samples, split.train, config.split.poses_of)
        lines.append(
            f"split.shown={config.split.shown}: at most so many images of each person and expression train,"
            f" {at_own:.1%} of them all at their expression's own pose"
        )
    few = {column: name for column, name in order.alone(samples, split.train).items() if name}
    if few:
        lines.append(
            f"the training samples have {order.classes_in_words(few)}: nothing can be learnt about"
            f" {' or '.join(few)}"
        )
    kind = splits.possible(samples, asked_split(config))
    if kind == "given" and config.split.fold == -1:
        who = "dataset.test" if config.dataset.test else samples.name
        lines.append(f"split.fold=-1: there are no folds where {who} says who tests; one run is trained")
    if samples.partition is not None and not splits.uses_partition(samples, kind):
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
