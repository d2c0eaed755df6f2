"""A set checked, its faces located, or written to disk in a form that trains fast."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import numpy as np

from dmljax import config as configuration
from dmljax import extras
from dmljax.data.images import read_all
from dmljax.preparation import crop, inventory, prepared, shards
from dmljax.preparation import locate as locating
from dmljax.preparation import sheet as sheets
from dmljax.preparation.opening import WHERE, open_samples, source
from dmljax.types import Samples, UserError


def check(
    config, *, sheet: str = "", people: int = 8, side: int = 96, workers: int = 0, progress: bool = True
) -> Samples:
    """Makes the pictures of a rendered set, reads every image, and says what is there.

    Args:
      sheet: file of a contact sheet; a list of what was skipped comes beside it. Empty: none.

    Returns:
      the samples whose images can be read.
    """
    configuration.check(config)
    _make_pictures(source(config)(), workers, progress)
    samples, _ = read_all(
        open_samples(config, progress=progress), config.data.image_size, keep=False, progress=progress
    )
    listed = Path(sheet).with_suffix(".skipped.csv") if sheet else None
    if samples.skipped and listed:
        with open(listed, "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("reference", "reason"), *samples.skipped])
    _show(samples, listed)
    if sheet:
        print(f"contact sheet: {sheets.draw(samples, sheet, people=people, side=side)}")
    return samples


def locate(
    config, table: str, *, spread: float = 5.0, workers: int = 0, progress: bool = True
) -> locating.Boxes:
    """Finds the face in every image and writes the boxes to `table`, and a sheet of the replaced ones beside
    it.

    What was found so far lies in TABLE.part until all is done: the same call goes on where it was stopped.

    Args:
      spread: see `locate.settle`.
    """
    configuration.check(config)
    if Path(table).is_dir():
        raise UserError(f"the boxes are written to a file, and '{table}' is a folder; name a .csv file")
    samples, chosen = source(config)(), {"table": config.crop.table, "side": config.crop.side}
    _make_pictures(samples, workers, progress)
    searched = locating.Searched(f"{table}.part", [config.dataset.to_dict(), config.crop.rule, chosen])
    if searched:
        print(f"going on after {len(searched)} of {len(samples)} images")
    faces, sizes = crop.find(samples, config.crop.rule, progress=progress, kept=searched, **chosen)
    readable = np.flatnonzero(sizes[:, 0])
    samples, boxes = samples.take(readable), locating.settle(faces[readable], spread=spread)
    locating.write(table, samples, boxes, config.crop.rule)
    searched.forget()
    for what, which in (("no face found", boxes.missed), ("too far from the others", boxes.doubtful)):
        poses = Counter(crop.pose_of(samples, k) for k in np.flatnonzero(which))
        print(
            f"{what}: {int(which.sum())} of {len(samples)}"
            + "".join(f", {count} x {pose}" for pose, count in poses.most_common())
        )
    sheet = sheets.located(
        samples, boxes.edges, boxes.missed | boxes.doubtful, Path(table).with_suffix(".png")
    )
    print(
        f"boxes: {table}, drawn in {sheet}; correct lines by hand, then use them with"
        f" --config.crop.rule=boxes --config.crop.table={table}"
    )
    return boxes


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
) -> Path:
    """Writes a prepared set to OUT/<set>/<version>, with report.md, counts.csv and contact_sheet.png; see
    `data.prepared`.

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
        extras.require("beam", "apache_beam", purpose="--beam", instead="leave it out")
    prepared.check_formats(formats)
    _make_pictures(source(config)(), workers, progress)
    own = {key: value for key, value in configuration.options(config, "dataset").items() if key not in WHERE}
    plan = shards.plan(
        source(config),
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
    (plan.folder / "report.md").write_text(inventory.report(samples), encoding="utf-8")
    inventory.write_counts(samples, plan.folder / "counts.csv")
    sheets.draw(samples, plan.folder / "contact_sheet.png", people=people, side=side)
    _show(samples, plan.folder / "skipped.csv")
    print(
        f"prepared: {plan.folder}/  (report.md, contact_sheet.png; train on it with"
        f" --config.dataset.root={plan.folder})"
    )
    return plan.folder


def _make_pictures(samples: Samples, workers: int, progress: bool) -> None:
    if samples.prepare is not None:
        print(f"pictures: {samples.prepare(samples.references, progress=progress, workers=workers)}")


def _show(samples: Samples, listed: Path | None) -> None:
    published = f" (published: {samples.published})" if samples.published else ""
    print(
        f"{samples.name}: {len(samples)} images{published}, {len(samples.identity_names)} identities,"
        f" {len(samples.skipped)} files skipped"
    )
    for note in samples.notes:
        print(note)
    if missed := crop.misses(samples.skipped):
        print("no face found: " + ", ".join(f"{count} x {pose}" for pose, count in missed.most_common()))
    if samples.skipped:
        print(
            f"skipped{f': {listed}' if listed else ''}; the first: {samples.skipped[0].reference}:"
            f" {samples.skipped[0].reason}"
        )
