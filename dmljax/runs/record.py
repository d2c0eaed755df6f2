"""What a run was, beside its checkpoints: configuration, versions, split, what was left out."""

from __future__ import annotations

import csv
import json
import platform
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import jax

from dmljax import config as configuration
from dmljax.preparation import inventory
from dmljax.runs.sets import Set
from dmljax.tables import quoted
from dmljax.types import UserError

CLASSES = "classes.json"
PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy", "ml-collections")


class Classes(NamedTuple):
    """The classes of a run's heads, under the names that `Samples` has for them.

    Attributes:
      expression_names, pose_names: in the order of the logits.
      pose_yaw: yaw in degrees of each pose class, nan for one that is no yaw.
    """

    expression_names: tuple[str, ...]
    pose_names: tuple[str, ...]
    pose_yaw: tuple[float, ...]


def read_classes(run: Path) -> Classes:
    """The classes of a run.

    Raises:
      UserError: the folder does not hold them, or they cannot be read.
    """
    path = run / CLASSES
    try:
        found = {name: tuple(values) for name, values in json.loads(path.read_text()).items()}
        found["pose_yaw"] = tuple(float("nan") if angle is None else angle for angle in found["pose_yaw"])
        return Classes(**found)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(
            f"'{path}' cannot be read ({error}); it names the classes of a trained run: train once more, or"
            " name another run folder"
        ) from None


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
    yaw = [None if angle != angle else angle for angle in samples.pose_yaw]  # JSON knows no nan
    names = {"expression_names": samples.expression_names, "pose_names": samples.pose_names}
    dump(CLASSES, {**names, "pose_yaw": yaw})
    pairs = [tuple(samples.references[k] for k in pair) for pair in data.duplicates or ()]
    inventory.write_skipped(samples.skipped, run / "skipped.csv")
    with open(run / "near_duplicates.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("train", "apart"), *(map(quoted, pair) for pair in pairs)])
    dump("config.json", configuration.trimmed(config))
