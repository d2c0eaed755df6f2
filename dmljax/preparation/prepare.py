"""A set checked, its faces located, or written to disk in a form that trains fast."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dmljax import config as configuration
from dmljax import extras, writing
from dmljax.data.reading import read_all
from dmljax.preparation import crop, inventory, prepared, shard_files, shards
from dmljax.preparation import locate as locating
from dmljax.preparation import sheet as sheets
from dmljax.preparation.opening import WHERE, open_samples, source
from dmljax.types import Samples, UserError


class Checked(NamedTuple):
    """What `check` and `prepare` find and leave.

    Attributes:
      samples: those whose images can be read, and what was skipped.
      pictures: where the pictures of a rendered set lie, else ''.
      skipped: the file that lists what was skipped, if one was written.
      sheet: the contact sheet, if one was drawn.
      folder: the prepared set, if it was written.
    """

    samples: Samples
    pictures: str
    skipped: Path | None = None
    sheet: Path | None = None
    folder: Path | None = None


class Located(NamedTuple):
    """What `locate` finds and leaves.

    Attributes:
      boxes: one for each image that can be read.
      missed, doubtful: how many boxes were replaced, by the name of the pose class ('': not known).
      table, sheet: the files that were written.
    """

    boxes: locating.Boxes
    missed: Counter
    doubtful: Counter
    table: Path
    sheet: Path


def check(
    config, *, sheet: str = "", people: int = 8, side: int = 96, workers: int = 0, progress: bool = True
) -> Checked:
    """Makes the pictures of a rendered set and reads every image.

    Args:
      sheet: file of a contact sheet; a list of what was skipped comes beside it. Empty: none.
    """
    configuration.check(config)
    pictures = _make_pictures(source(config)(), workers, progress)
    samples, _ = read_all(
        open_samples(config, progress=progress), config.data.image_size, keep=False, progress=progress
    )
    listed = Path(sheet).with_suffix(".skipped.csv") if sheet and samples.skipped else None
    if listed:
        inventory.write_skipped(samples.skipped, listed)
    drawn = sheets.draw(samples, sheet, people=people, side=side) if sheet else None
    return Checked(samples, pictures, listed, drawn)


def locate(
    config,
    table: str,
    *,
    spread: float = 5.0,
    workers: int = 0,
    progress: bool = True,
    say: Callable[[str], None] = print,
) -> Located:
    """Finds the face in every image and writes the boxes to `table`, and a sheet of the replaced ones beside
    it.

    What was found so far lies in TABLE.part until all is done: the same call goes on where it was stopped.

    Args:
      spread: see `locate.settle`.
      say: is told how much an earlier call found.
    """
    configuration.check(config)
    if Path(table).is_dir():
        raise UserError(f"the boxes are written to a file, and '{table}' is a folder; name a .csv file")
    samples, chosen = source(config)(), {"table": config.crop.table, "side": config.crop.side}
    _make_pictures(samples, workers, progress)
    searched = locating.Searched(f"{table}.part", [config.dataset.to_dict(), config.crop.rule, chosen])
    if searched:
        say(f"going on after {len(searched)} of {len(samples)} images")
    faces, sizes = crop.find(samples, config.crop.rule, progress=progress, kept=searched, **chosen)
    readable = np.flatnonzero(sizes[:, 0])
    samples, boxes = samples.take(readable), locating.settle(faces[readable], spread=spread)
    locating.write(table, samples, boxes, config.crop.rule)
    searched.forget()
    sheet = sheets.located(
        samples, boxes.edges, boxes.missed | boxes.doubtful, Path(table).with_suffix(".png")
    )
    poses = lambda which: Counter(crop.pose_of(samples, k) for k in np.flatnonzero(which))
    return Located(boxes, poses(boxes.missed), poses(boxes.doubtful), Path(table), sheet)


def prepare(
    config,
    out: str,
    *,
    formats=("array_record", "tfrecord"),
    version: str = "1.0.0",
    per_shard: int = shards.PER_SHARD,
    beam: list[str] | None = None,
    people: int = 8,
    side: int = 96,
    workers: int = 0,
    progress: bool = True,
) -> Checked:
    """Writes a prepared set to OUT/<set>/<version>, with report.md, counts.csv and contact_sheet.png; see
    `prepared`.

    Args:
      formats, version, per_shard, beam: see `shards.plan` and `shards.write`.
    """
    configuration.check(config)
    if config.dataset.train or config.dataset.test:
        raise UserError(
            "sets are prepared one by one: choose each by dataset.name and dataset.root; training joins what"
            " was prepared"
        )
    if config.dataset.labels:
        raise UserError(
            "dataset.labels are added when a run is trained, not when a set is prepared; leave the field"
            " empty here"
        )
    if beam is not None:
        extras.require("beam", "apache_beam", purpose="a pipeline", instead="leave it out", parameter="beam")
    shard_files.check_formats(formats)
    if config.dataset.root and Path(out).resolve() == Path(config.dataset.root).resolve():
        raise UserError(
            "is the folder of the set itself, where the set would not be found any more; give another one",
            parameter="out",
        )
    pictures = _make_pictures(source(config)(), workers, progress)
    own = {key: value for key, value in configuration.options(config, "dataset").items() if key not in WHERE}
    plan = shards.plan(
        source(config, angles=True),
        out,
        version=version,
        size=config.data.image_size,
        crop=config.crop.to_dict(),
        options=own,
        formats=formats,
        per_shard=per_shard,
    )
    shards.write(plan, workers=workers, beam=beam, progress=progress)
    samples = prepared.read(plan.folder)
    writing.text(plan.folder / "report.md", inventory.report(samples))
    inventory.write_counts(samples, plan.folder / "counts.csv")
    sheet = sheets.draw(samples, plan.folder / "contact_sheet.png", people=people, side=side)
    return Checked(samples, pictures, plan.folder / prepared.SKIPPED, sheet, plan.folder)


def _make_pictures(samples: Samples, workers: int, progress: bool) -> str:
    """Renders what is missing; returns where the pictures lie, '' for a set that needs none."""
    if samples.prepare is None:
        return ""
    return str(samples.prepare(samples.references, progress=progress, workers=workers))
