"""What a run was, beside its checkpoints: configuration, versions, split, what was left out."""

from __future__ import annotations

import csv
import json
import platform
from importlib import metadata
from pathlib import Path

import jax

from dmljax import config as configuration
from dmljax.runs.sets import Set

PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy", "ml-collections")


def versions() -> dict[str, str]:
    """Of Python and the packages that a result depends on, and the devices that JAX sees."""
    found = {name: metadata.version(name) for name in PACKAGES}
    return {
        "python": platform.python_version(),
        **found,
        "device": jax.devices()[0].device_kind,
        "devices": str(jax.device_count()),
    }


def write_record(run: Path, config, data: Set) -> None:
    """What a run is, beside its checkpoints: config.json, versions.json, split.json, skipped.csv,
    near_duplicates.csv.
    """
    run.mkdir(parents=True, exist_ok=True)
    samples = data.samples

    def dump(name: str, content) -> None:
        part = run / f".{name}.part"
        part.write_text(json.dumps(content, indent=1) + "\n")
        part.replace(run / name)

    dump(
        "split.json",
        {side: [samples.references[i] for i in part] for side, part in zip(data.split._fields, data.split)},
    )
    dump("versions.json", versions())
    pairs = [tuple(samples.references[k] for k in pair) for pair in data.duplicates or ()]
    for name, header, rows in (
        ("skipped.csv", ("reference", "reason"), samples.skipped),
        ("near_duplicates.csv", ("train", "apart"), pairs),
    ):
        with open(run / name, "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([header, *rows])
    dump("config.json", configuration.trimmed(config))
