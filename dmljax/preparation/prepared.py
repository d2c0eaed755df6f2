"""Prepared sets on disk: cut and resized images in shards, with the labels as a table.

OUT/<set>/<version>/
  <set>-samples.array_record-00000-of-00005   random access: this package's feeds, tfds.data_source
  <set>-samples.tfrecord-00000-of-00005       in order: tfds.load
  <set>-samples.array-00000-of-00005          uint8 [., side, side, 3] for numpy.load, without TensorFlow
  dataset_info.json, features.json            TFDS's own
  prepared.json, table.npz, skipped.csv       what it is, labels and references, what was left out and why
"""

from __future__ import annotations

import json
import threading
from pathlib import Path

import numpy as np

from dmljax import writing
from dmljax.preparation import inventory, shard_files
from dmljax.types import IMAGE, Protocol, Samples, UserError

PLAN = "plan.json"  # there from the beginning; what is only planned is not prepared yet
SKIPPED = "skipped.csv"
_ABOUT, _TABLE = "prepared.json", "table.npz"
_WORDS = (
    "name",
    "expression_names",
    "pose_names",
    "identity_names",
    "pose_yaw",
    "pose_mirror",
    "published",
    "licence",
    "obtain",
    "protocol",
    "notes",
)


def is_prepared(root: str | Path) -> bool:
    """Whether the folder is a finished prepared set."""
    return bool(root) and (Path(root) / _ABOUT).is_file()


def find(root: str | Path, name: str) -> Path | None:
    """The prepared set `name` at `root`: the folder itself, or the highest version in the folder that
    preparations went to; else None.

    Raises:
      UserError: there is only an unfinished preparation.
    """
    if is_prepared(root):
        return Path(root)
    begun = [Path(root), *Path(root).glob(f"{name}/*")] if root else []
    versions = [path for path in begun if is_prepared(path)]
    if not versions and (unfinished := [path for path in begun if (path / PLAN).is_file()]):
        raise UserError(
            f"'{unfinished[0]}' is a preparation that was not finished; run the same prepare command again"
        )
    return max(versions, key=lambda path: [int(part) for part in path.name.split(".")], default=None)


def finish(folder: Path, samples: Samples, formats, size: int, lengths: list[int], options: dict) -> None:
    """Writes what describes the shards; `prepared.json` comes last and says that the set is whole.

    Args:
      samples: the images that were kept, in order, with what was skipped.
      lengths: images in each shard.
      options: the set's own options.
    """
    columns = samples.labels | {"hashes": samples.hashes}
    if samples.partition is not None:
        columns["partition"] = samples.partition
    references = np.frombuffer("\n".join(samples.references).encode(), np.uint8)
    with writing.whole(folder / _TABLE) as part, open(part, "wb") as file:
        np.savez_compressed(file, references=references, **columns)
    inventory.write_skipped(samples.skipped, folder / SKIPPED)
    if set(formats) - {"array"}:
        _describe_to_tfds(folder, samples, size, formats, lengths)
    about = {word: getattr(samples, word) for word in _WORDS}
    about |= {
        "pose_yaw": [None if np.isnan(yaw) else yaw for yaw in samples.pose_yaw],
        "formats": list(formats),
    }
    about |= {"size": size, "lengths": lengths, "options": options, "own": bool(samples.place)}
    writing.as_json(folder / _ABOUT, about)


def _describe_to_tfds(folder: Path, samples: Samples, size: int, formats, lengths: list[int]) -> None:
    tfds = shard_files.tensorflow_datasets()
    kind = "tfrecord" if "tfrecord" in formats else "array_record"
    template = tfds.core.ShardedFileTemplate(
        data_dir=folder, dataset_name=samples.name, split=shard_files.SPLIT, filetype_suffix=kind
    )
    total = sum(
        shard_files.path_of(folder, samples.name, kind, k, len(lengths)).stat().st_size
        for k in range(len(lengths))
    )
    split = tfds.core.SplitInfo(
        name=shard_files.SPLIT, shard_lengths=lengths, num_bytes=total, filename_template=template
    )
    # Not tfds.folder_dataset.write_metadata: it wants all files of the folder to be of one format.
    identity = tfds.core.dataset_info.DatasetIdentity(
        name=samples.name, version=tfds.core.Version(folder.name), data_dir=str(folder), module_name=""
    )
    info = tfds.core.DatasetInfo(
        builder=identity,
        features=shard_files.features_of(samples, size),
        license=samples.licence or None,
        description=(
            f"{samples.name}, cut and resized to {size} x {size} pixels; -1: a label that is not known"
            + ("; angles: yaw, pitch, roll in degrees, nan where not known" if samples.angles_names else "")
        ),
    )
    info.set_file_format(tfds.core.FileFormat(kind))
    for other in set(formats) - {kind, "array"}:
        info.add_alternative_file_format(other)
    info.set_splits(tfds.core.splits.SplitDict([split]))
    info.write_to_directory(folder)


def read(folder: str | Path, options: dict | None = None) -> Samples:
    """A prepared set; images are read by index, those of the array format without TensorFlow.

    Args:
      options: the set's own options that the caller believes it was prepared with; None: any.

    Raises:
      UserError: its files are not what they were, it was prepared with other options, or its format needs
        TensorFlow, which is not installed.
    """
    folder = Path(folder)
    try:
        about = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
        with np.load(folder / _TABLE) as content:
            columns = {key: content[key] for key in content.files}
        skipped = inventory.read_skipped(folder / SKIPPED)
        about.setdefault("notes", [])  # sets that were prepared before they kept these two
        about.setdefault("own", about["name"] == "folder")
        words = {
            word: tuple(about[word]) if isinstance(about[word], list) else about[word] for word in _WORDS
        }
        lengths, own = about["lengths"], about["options"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"the prepared set '{folder}' cannot be read ({error}); prepare it again") from None
    changed = [
        f"{key}: {own[key]!r} there, {value!r} here"
        for key, value in json.loads(json.dumps(options or {})).items()
        if key in own and own[key] != value
    ]
    if changed:
        raise UserError(
            f"'{folder}' was prepared with other options ({'; '.join(changed)}); give the same, or prepare it"
            " again"
        )
    references = tuple(columns.pop("references").tobytes().decode().split("\n"))
    number = {reference: k for k, reference in enumerate(references)}
    for kind in about["formats"]:
        for k in range(len(lengths)):
            if not (path := shard_files.path_of(folder, words["name"], kind, k, len(lengths))).is_file():
                raise UserError(
                    f"the prepared set '{folder}' lacks '{path.name}'; copy it whole, or prepare it again"
                )
    if set(about["formats"]) == {"tfrecord"}:
        raise UserError(
            f"'{folder}' holds tfrecord alone, which cannot be read by index; prepare it"
            " in the format array_record or array"
        )
    fetch = (
        _fetch_array(folder, words["name"], lengths) if "array" in about["formats"] else _fetch_record(folder)
    )
    return Samples(
        **words
        | {
            "pose_yaw": tuple(float("nan") if yaw is None else yaw for yaw in words["pose_yaw"]),
            "protocol": Protocol(*words["protocol"]) if words["protocol"] else None,
        },
        **columns,
        references=references,
        read=lambda reference: fetch(number[reference]),
        darkest=0.0,
        skipped=skipped,
        place=str(folder.resolve()) if about["own"] else "",
    )


def _fetch_array(folder: Path, name: str, lengths: list[int]):
    shards = [
        np.load(shard_files.path_of(folder, name, "array", k, len(lengths)), mmap_mode="r")
        for k in range(len(lengths))
    ]
    starts = np.cumsum([0, *lengths])

    def fetch(number: int) -> np.ndarray:
        shard = int(np.searchsorted(starts, number, "right")) - 1
        return np.array(shards[shard][number - starts[shard]])

    return fetch


def _fetch_record(folder: Path):
    """By TFDS's data source, which opens its files at the first index."""
    tfds = shard_files.tensorflow_datasets()
    source = tfds.builder_from_directory(str(folder)).as_data_source(
        shard_files.SPLIT, decoders={IMAGE: tfds.decode.SkipDecoding()}
    )
    lock = threading.Lock()

    def fetch(number: int) -> bytes:
        with lock:  # its readers are opened when they are first used, which threads must not do together
            return source[number][IMAGE]

    return fetch
