"""Preparing a configured set: make its pictures, check every image, list what was left out, draw a contact sheet. Without JAX."""
from __future__ import annotations

import csv
from pathlib import Path

from dmljax import config as configuration
from dmljax import plugins
from dmljax.data import sheet as sheets
from dmljax.data.images import read_all
from dmljax.types import Samples


def open_samples(config) -> Samples:
    """The configured set, its images not yet read."""
    plugin = plugins.load("datasets", config.dataset.name)
    return plugin.samples(config.dataset.root, **configuration.options(config, "dataset"))


def prepare(config, *, sheet: str, people: int, side: int, workers: int = 0, progress: bool = True) -> Samples:
    """Makes and checks the set's images; writes a contact sheet to `sheet`, if given, and beside it a CSV of what was skipped.

    Returns:
      the samples whose images can be read.
    """
    samples = open_samples(config)
    if samples.prepare is not None:
        where = samples.prepare(samples.references, progress=progress, workers=workers)
        print(f"pictures: {where}")
    samples, _ = read_all(samples, config.data.image_size, keep=False, progress=progress)
    print(f"{samples.name}: {len(samples)} images, {len(samples.identity_names)} identities, {len(samples.skipped)} files skipped")
    if sheet:
        print(f"contact sheet: {sheets.draw(samples, sheet, people=people, side=side)}")
    if samples.skipped:
        listed = Path(sheet or "sheet.png").with_suffix(".skipped.csv")
        with open(listed, "w", newline="") as file:
            csv.writer(file).writerows([("reference", "reason"), *samples.skipped])
        print(f"skipped: {listed}; the first: {samples.skipped[0].reference}: {samples.skipped[0].reason}")
    return samples
