"""What a run was, beside its checkpoints: configuration, versions, split, what was left out."""

from __future__ import annotations

import platform
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

import dmljax
from dmljax import config as configuration
from dmljax import run_folder, writing
from dmljax.preparation import inventory
from dmljax.runs import kept_tables
from dmljax.runs.sets import Set
from dmljax.training import digests
from dmljax.training.checkpoint import Saved
from dmljax.types import ANGLE_NAMES, MISSING, UserError

MIRROR = "pose_mirror"  # in decided.json: the pose class after a flip
MARKS = "record"  # what a checkpoint says of the files here
PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy", "ml-collections")


class Classes(NamedTuple):
    """The classes of a run's heads, under the names that `Samples` has for them.

    Attributes:
      expression_names, pose_names: in the order of the logits.
      pose_yaw: yaw in degrees of each pose class, nan for one that is no yaw.
      angles_names: those of 'yaw', 'pitch' and 'roll' that the head for angles has learnt.
    """

    expression_names: tuple[str, ...]
    pose_names: tuple[str, ...]
    pose_yaw: tuple[float, ...]
    angles_names: tuple[str, ...] = ()

    def as_json(self) -> dict[str, list]:
        """As JSON can hold it, which knows no nan; without a head for angles as runs always had it."""
        names = {key: list(names) for key, names in self._asdict().items() if key != "angles_names" or names}
        return names | {"pose_yaw": [None if angle != angle else angle for angle in self.pose_yaw]}

    @staticmethod
    def of_json(saved: dict[str, list]) -> Classes:
        """What `as_json` wrote.

        Raises:
          TypeError, ValueError, KeyError: it is something else.
        """
        found = {name: tuple(values) for name, values in saved.items()}
        found["pose_yaw"] = tuple(float("nan") if angle is None else angle for angle in found["pose_yaw"])
        return Classes(**found)


def read_classes(run: Path) -> Classes:
    """The classes of a run.

    Raises:
      UserError: the folder does not hold them, or they cannot be read.
    """
    path = run / run_folder.CLASSES
    saved = run_folder.read(path)
    try:
        return Classes.of_json(saved)
    except (TypeError, ValueError, KeyError):
        raise UserError(
            f"'{path}' names no classes of a trained run; the command that trained the run, given once more,"
            " writes it anew"
        ) from None


def read_mirror(run: Path, classes: Classes) -> tuple[int, ...]:
    """The pose class after a flip, `MISSING` where there is none; of a run of an older version that of the
    opposite yaw.

    Raises:
      UserError: the run's record cannot be read.
    """
    path = run / run_folder.DECIDED
    kept = run_folder.read(path).get(MIRROR) if path.exists() else None
    count = len(classes.pose_names)
    if (
        isinstance(kept, list)
        and len(kept) == count
        and all(other in range(MISSING, count) for other in kept)
    ):
        return tuple(kept)
    by_yaw = {yaw: k for k, yaw in enumerate(classes.pose_yaw)}
    return tuple(by_yaw.get(-yaw, MISSING) for yaw in classes.pose_yaw)


def versions() -> dict[str, str]:
    """Of this package, Python and the packages that a result depends on, and the devices that JAX sees."""
    found = {name: metadata.version(name) for name in PACKAGES}
    return {
        "dmljax": dmljax.__version__,
        "python": platform.python_version(),
        **found,
        "device": jax.devices()[0].device_kind,
        "devices": str(jax.device_count()),
    }


def restore(run: Path, data: Set, found: dict) -> None:
    """Of a run that is finished: what evaluating it needs and its set tells, if it was changed or removed."""
    kept_tables.keep(run, data.tables)
    _write_sides(run, data)
    writing.as_json(run / run_folder.DECIDED, found | {MIRROR: list(data.samples.pose_mirror)})


def _write_sides(run: Path, data: Set) -> None:
    """Who trains and who tests, and the classes: split.json and classes.json."""
    for name, content in _sides(data).items():
        writing.as_json(run / name, content)


def classes_of(data: Set) -> Classes:
    """The classes of a set, and the angles that its training side knows: more cannot be learnt."""
    samples, train = data.samples, data.split.train
    known = () if samples.angles is None else ~np.isnan(samples.angles[train]).all(0)
    learnt = tuple(name for name, there in zip(ANGLE_NAMES, known) if there)
    return Classes(samples.expression_names, samples.pose_names, tuple(samples.pose_yaw), learnt)


def _sides(data: Set) -> dict[str, dict]:
    samples = data.samples
    sides = zip(data.split._fields, data.split)
    return {
        run_folder.SPLIT: {side: [samples.references[i] for i in part] for side, part in sides},
        run_folder.CLASSES: classes_of(data).as_json(),
    }


def marks(data: Set) -> dict[str, str]:
    """Digests of split.json, classes.json and the tables by their fields, which are saved with each
    checkpoint.
    """
    sides = {name: digests.of_json(content) for name, content in _sides(data).items()}
    return sides | {field: table.sha256 for field, table in data.tables.items()}


def check(run: Path, name: str, saved: Saved) -> None:
    """Raises UserError where split.json or classes.json is not that of the run's checkpoint.

    Checkpoints of older versions say nothing of it.
    """
    mark, path = saved.position.get(MARKS, {}).get(name), run / name
    if mark is not None and digests.of_json(run_folder.read(path)) != mark:
        raise UserError(
            f"'{path}' is not that of the run's checkpoint of step {saved.step}; the training command of the"
            " run writes it again"
        )


def check_tables(config, saved: Saved) -> None:
    """Raises UserError where a table that the configuration names is not that of the run's checkpoint.

    Checkpoints of older versions say nothing of it.
    """
    marked, found = saved.position.get(MARKS, {}), kept_tables.read(config)
    for field, table in found.items():
        if table.sha256 != marked.get(field, table.sha256):
            raise UserError(
                f"'{table.place}' was changed since step {saved.step}, and the run's own copy is gone; put it"
                " back as it was",
                parameter=field,
            )


def write_record(run: Path, config, data: Set, found: dict) -> None:
    """What a run is, beside its checkpoints: config.json, versions.json, split.json, classes.json,
    decided.json, skipped.csv, near_duplicates.csv, and copies of the tables that it names.

    Args:
      found: what its set's labels decided, `decided.record`.
    """
    run.mkdir(parents=True, exist_ok=True)
    samples = data.samples
    # first: it says that the other files are a run's
    writing.as_json(run / run_folder.CONFIG, configuration.trimmed(config))
    kept_tables.keep(run, data.tables)
    _write_sides(run, data)
    writing.as_json(run / run_folder.DECIDED, found | {MIRROR: list(data.samples.pose_mirror)})
    writing.as_json(run / run_folder.VERSIONS, versions())
    pairs = [tuple(samples.references[k] for k in pair) for pair in data.duplicates or ()]
    inventory.write_skipped(samples.skipped, run / run_folder.SKIPPED)
    writing.table(run / run_folder.DUPLICATES, [("train", "apart"), *pairs])
